// The command line, as npm installs it, in a process of its own.
import { spawn } from 'node:child_process';
import { env } from 'node:process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const program = fileURLToPath(new URL('../../bin/swing-store.js', import.meta.url));

/** No setting from outside may tell it where a store is. */
const cleanEnv = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AG_CHAIN_COSMOS_')));

/** Starts it; see `runCli`. */
export const startCli = (args, options = {}) => {
  const { env: more, ...others } = options;
  return spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...others,
    env: { ...cleanEnv, ...more },
  });
};

/**
 * Runs it to its end.
 *
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 * @returns {Promise<{ code: number | null, signal: string | null, stdout: string, stderr: string }>}
 */
export const runCli = async (args, options) => {
  const child = startCli(args, options);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (...outcome) => resolve(outcome));
    }),
  ]);
  return { code, signal, stdout, stderr };
};

/** Runs it with `--json`, and returns the document with the exit code. */
export const runJson = async (args, options) => {
  const { code, stdout } = await runCli([...args, '--json'], options);
  return { code, ...JSON.parse(stdout) };
};
