/** Runs one test file in a worker of ava, without ava's command line, which starts more slowly than most tests run. */
import { fork } from 'node:child_process';
import path from 'node:path';

/** The events of a worker that ava counts as a failure. */
const FAILURES = new Set([
  'hook-failed',
  'internal-error',
  'line-number-selection-error',
  'missing-ava-import',
  'process-exit',
  'test-failed',
  'uncaught-exception',
  'unhandled-rejection',
]);

const optionsFor = (tree, file) => ({
  baseDir: tree,
  chalkOptions: { level: 0 },
  experiments: {},
  failFast: true,
  failWithoutAssertions: true,
  file: path.join(tree, file),
  lineNumbers: [],
  match: [],
  moduleTypes: { cjs: 'commonjs', mjs: 'module', js: 'commonjs' },
  projectDir: tree,
  providerStates: [],
  recordNewSnapshots: false,
  require: [],
  serial: false,
  snapshotDir: null,
  updateSnapshots: false,
  workerThreads: false,
});

/** Describes a failure. */
const sayWhy = ({ title = '', err, stack = '' }) =>
  [
    title,
    // An error, or a thrown value of another kind.
    err?.message ?? err?.formattedError ?? '',
    err?.formattedDetails?.map(({ label, formatted }) => `${label}\n${formatted}`).join('\n') ?? '',
    stack,
  ]
    .filter(text => text)
    .join('\n');

/** Functions that end the processes that run now; they must not outlive this one. */
const running = new Set();

export const endTests = () => {
  for (const end of running) end();
};

/**
 * @param {string} tree
 * @param {string} file  relative to the tree
 * @param {{ env: Record<string, string>, limit: number }} options  `limit` in milliseconds
 * @returns {Promise<{ outcome: 'passed' | 'failed' | 'timeout', ms: number, why: string }>}
 */
export const runTest = (tree, file, { env, limit }) =>
  new Promise((resolve, reject) => {
    const start = performance.now();
    const child = fork(path.join(tree, 'node_modules', 'ava', 'lib', 'worker', 'base.js'), [], {
      cwd: tree,
      env: { NODE_ENV: 'test', ...env },
      execArgv: ['--enable-source-maps'],
      // Failures contain values that JSON can't express.
      serialization: 'advanced',
      // In its own process group, so that the processes of a test that hangs or fails end with it.
      detached: true,
      silent: true,
    });
    let outcome;
    let why = '';
    let tests = 0;
    const pending = new Set();

    const end = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // They have all ended.
      }
    };
    running.add(end);
    const decide = (found, reason) => {
      outcome ??= found;
      why ||= reason;
      end();
    };
    const timer = setTimeout(() => decide('timeout', 'it took too long'), limit);
    for (const stream of [child.stdout, child.stderr]) stream.resume();
    child.on('message', ({ ava: event }) => {
      if (!event || outcome) return;
      if (event.type === 'ready-for-options') child.send({ ava: { type: 'options', options: optionsFor(tree, file) } });
      else if (event.type === 'ping') child.send({ ava: { type: 'pong' } });
      // The worker waits for this before it ends.
      else if (event.type === 'worker-finished') child.send({ ava: { type: 'free-worker' } });
      else if (event.type === 'selected-test' && !event.skip && !event.todo) pending.add(event.title);
      else if (event.type === 'test-passed') {
        pending.delete(event.title);
        tests += 1;
      } else if (FAILURES.has(event.type)) decide('failed', sayWhy(event));
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      end();
      running.delete(end);
      const isWhole = code === 0 && tests > 0 && pending.size === 0;
      outcome ??= isWhole ? 'passed' : 'failed';
      if (outcome === 'failed') why ||= `ended by ${signal ?? code} with ${pending.size} unfinished tests`;
      resolve({ outcome, ms: Math.round(performance.now() - start), why });
    });
  });
