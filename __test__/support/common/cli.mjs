// Runs the command line, as npm installs it, in a separate process.
import { spawn } from 'node:child_process';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { outcomeOf } from './run-program.mjs';

export const program = fileURLToPath(new URL('../../../bin/swing-store.js', import.meta.url));

/** The environment without settings that name a store. */
const cleanEnv = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AG_CHAIN_COSMOS_')));

/** Starts the command line; see `runCli`. */
export const startCli = (args, options = {}) => {
  const { env: more, ...others } = options;
  return spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...others,
    env: { ...cleanEnv, ...more },
  });
};

/**
 * Runs the command line to its end.
 *
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 * @returns {Promise<{ code: number | null, signal: string | null, stdout: string, stderr: string }>}
 */
export const runCli = (args, options) => outcomeOf(startCli(args, options));

/** Runs the command line with `--json`. Returns the document and the exit code. */
export const runJson = async (args, options) => {
  const { code, stdout } = await runCli([...args, '--json'], options);
  return { code, ...JSON.parse(stdout) };
};
