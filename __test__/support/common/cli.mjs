// The command line, as npm installs it, in a process of its own.
import { spawn } from 'node:child_process';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { outcomeOf } from './run-program.mjs';

export const program = fileURLToPath(new URL('../../../bin/swing-store.js', import.meta.url));

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
export const runCli = (args, options) => outcomeOf(startCli(args, options));

/** Runs it with `--json`, and returns the document with the exit code. */
export const runJson = async (args, options) => {
  const { code, stdout } = await runCli([...args, '--json'], options);
  return { code, ...JSON.parse(stdout) };
};
