/** Lets the reference read a store, in a separate process. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('by-reference.mjs', import.meta.url));

/**
 * @param {string} storeDir
 * @param {string} artifactMode
 * @returns the digest; `undefined` if the reference is not installed or cannot be loaded
 */
export const askReference = async (storeDir, artifactMode) => {
  const options = { maxBuffer: 1 << 30 };
  const running = promisify(execFile)(process.execPath, [program, storeDir, artifactMode], options);
  const { stdout } = await running.catch(error => {
    throw Error(`the reference could not read ${storeDir}: ${(error.stderr || error.message).trim()}`);
  });
  const { notThere, ...found } = JSON.parse(stdout);
  return notThere ? undefined : found;
};
