// Runs the command line, as npm installs it, in a separate process.
import { spawn } from 'node:child_process';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { makeDocumentCheck } from './json-schema.mjs';
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

/** Throws unless a document is one that the schema of a command describes. */
export const checkDocument = makeDocumentCheck(runCli);

/** Runs the command line with `--json`. Checks the document against its schema, and returns it with the exit code. */
export const runJson = async (args, options) => {
  const { code, stdout } = await runCli([...args, '--json'], options);
  const document = JSON.parse(stdout);
  await checkDocument(args[0], document);
  return { code, ...document };
};
