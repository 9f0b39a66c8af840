// Runs programs. Returns their exit status, their output, and their messages to the parent process.

import { spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';

/** A time limit, since a store that leaves a promise pending would block the test forever. */
const MINUTE = 60_000;

/**
 * @typedef {object} Outcome
 * @property {number | string} ended exit code, or the signal that ended it
 * @property {string} stdout
 * @property {string} stderr
 * @property {unknown[]} messages its messages to the parent process
 */

/**
 * @param {string} file
 * @param {string[]} args
 * @param {{ withMessages?: boolean, onStart?: (child: import('node:child_process').ChildProcess) => void }} [options]
 *   `withMessages` lets it send messages, as `fork` does
 * @returns {Promise<Outcome>}
 */
const runNode = async (file, args, { withMessages = false, onStart = () => {} } = {}) => {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', ...(withMessages ? ['ipc'] : [])],
    serialization: 'advanced',
    timeout: 2 * MINUTE,
    killSignal: 'SIGKILL',
  });
  const outcome = { ended: '', stdout: '', stderr: '', messages: [] };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', text => (outcome[name] += text));
  }
  child.on('message', message => outcome.messages.push(message));
  onStart(child);
  outcome.ended = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  return outcome;
};

/**
 * The part of an outcome that two runs share: without directories and source positions.
 *
 * @param {Outcome} outcome
 * @param {Record<string, string>} places what paths stand for
 */
const inCommon = ({ ended, stdout, stderr, messages }, places) => {
  const plain = text => {
    let result = text;
    for (const [name, path] of Object.entries(places)) result = result.replaceAll(path, name);
    // SES prints the hidden values of the reference's errors within the message, and our whole message below it.
    const lines = result.split('\n').filter(line => line.trim() && !/^\s+at /.test(line));
    const notes = new Map();
    for (const line of lines) {
      const [, name, message] = /^(\w+#\d+) ERROR_NOTE: (.*)$/.exec(line) ?? [];
      if (name) notes.set(name, message);
    }
    return lines
      .filter(line => !line.includes(' ERROR_NOTE: '))
      .map(line => {
        const [, name] = /^(\w+#\d+): /.exec(line) ?? [];
        return notes.has(name) ? `${name}: ${notes.get(name)}` : line;
      })
      .join('\n');
  };
  const plainMessage = ({ error, ...rest }) =>
    error ? { ...rest, error: `${error.name}: ${plain(error.message)}` } : rest;
  return { ended, stdout: plain(stdout), stderr: plain(stderr), messages: messages.map(plainMessage) };
};

/**
 * @param {Record<string, string>} trees
 * @param {string} cli the command line of ours
 */
export const makePrograms = (trees, cli) => {
  const ofCosmic = (side, name) => join(trees[side], 'node_modules', '@agoric', 'cosmic-swingset', 'src', name);
  const ofTest = (side, name) => join(trees[side], 'program', `${name}.mjs`);

  /** Runs one of the test's own programs, which must succeed. */
  const helper = async (side, name, ...args) => {
    const { ended, stdout, stderr } = await runNode(ofTest(side, name), args);
    if (ended !== 0) throw Error(`${name}.mjs on ${side} ended with ${ended}:\n${stderr}`);
    return stdout;
  };

  const withPlaces = async (running, stateDir, exportDir) =>
    inCommon(await running, { EXPORT: exportDir, STATE: stateDir });

  const options = (stateDir, exportDir, more) => [
    '--state-dir',
    stateDir,
    '--export-dir',
    exportDir,
    ...Object.entries(more).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, `${value}`])),
  ];

  /** cosmic-swingset's `export-kernel-db` and `import-kernel-db`, and our command line. */
  const program = name => (side, stateDir, exportDir, more, running) =>
    withPlaces(runNode(ofCosmic(side, name), options(stateDir, exportDir, more), running), stateDir, exportDir);
  const command = name => (stateDir, exportDir, more) =>
    withPlaces(runNode(cli, [name, ...options(stateDir, exportDir, more), '--progress', 'none']), stateDir, exportDir);

  return {
    exportKernelDb: program('export-kernel-db.js'),
    importKernelDb: program('import-kernel-db.js'),
    exportByCommand: command('export'),
    importByCommand: command('import'),
    makeStore: (side, dir, ...args) => helper(side, 'make-store', dir, ...args),
    makeCopy: async (from, to) => cpSync(from, to, { recursive: true }),
    advance: (side, dir) => helper(side, 'advance', dir),
    dump: async dir => JSON.parse(await helper('reference', 'dump-store', dir)),
    initiate: async (side, ...args) => JSON.parse(await helper(side, 'initiate', ...args)),
    spawnExport: async (side, ...args) => JSON.parse(await helper(side, 'spawn', ...args)),
  };
};
