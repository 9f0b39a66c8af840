/** Keeps processes that run test files again and again. One that a mutant has left in disorder is replaced. */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';

/** What ends each process that there is. */
const running = new Set();

/** After so many runs a process is replaced, since each leaves modules behind. */
const MOST_RUNS = 60;

/** How many processes are kept. */
const MOST_PROCESSES = 8;

/** How long a run may take, by how long it takes without a mutant, in milliseconds. */
const limitOf = ms => 5 * ms + 6_000;

const END = { outcome: 'failed', why: 'the process has ended' };

/**
 * Starts a process for one test file; resolves to `undefined` if that file can't run in this way.
 *
 * @param {string} tree
 * @param {string} scratch
 * @param {string} file
 */
const start = async (tree, scratch, file) => {
  const own = mkdtempSync(path.join(scratch, 'hot-'));
  const child = fork(path.join(import.meta.dirname, 'worker.mjs'), [tree, file], {
    cwd: tree,
    env: { ...process.env, NODE_ENV: 'test', TMPDIR: own },
    detached: true,
    silent: true,
  });
  for (const stream of [child.stdout, child.stderr]) stream.resume();
  let answer = () => {};
  child.on('message', message => answer(message));
  child.on('exit', () => answer(END));
  child.on('error', () => answer(END));
  const end = () => {
    running.delete(end);
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // They have all ended.
    }
    rmSync(own, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  running.add(end);
  /** Waits for an answer, but not longer than `limit`. */
  const ask = (message, limit) =>
    new Promise(resolve => {
      const timer = setTimeout(() => resolve({ outcome: 'timeout', why: 'it took too long' }), limit);
      answer = found => {
        clearTimeout(timer);
        resolve(found);
      };
      if (message && child.connected) child.send(message);
      else if (message) answer(END);
    });

  const { loaded } = await ask(undefined, 60_000);
  let ms = 0;
  let runs = 0;
  const run = async mutant => {
    runs += 1;
    const begun = performance.now();
    const found = await ask({ mutant }, mutant === undefined ? 60_000 : limitOf(ms));
    if (mutant === undefined) ms = Math.max(ms, performance.now() - begun);
    return found;
  };
  // Twice, for the first time leaves behind what the second one finds.
  for (let i = 0; loaded && i < 2; i += 1) {
    if ((await run(undefined)).outcome !== 'passed') {
      end();
      return undefined;
    }
  }
  if (!loaded) {
    end();
    return undefined;
  }
  return {
    file,
    end,
    loaded: new Set(loaded),
    run,
    /** Whether it still runs without a mutant. */
    isInOrder: async () => runs < MOST_RUNS && (await run(undefined)).outcome === 'passed',
  };
};

/**
 * @param {string} tree
 * @param {string} scratch a directory for what tests leave behind
 */
export const makePool = (tree, scratch) => {
  /** Those that are free, the one that was used last at the end. */
  const free = [];
  const unfit = new Set();

  /**
   * Runs a test file with a mutant; resolves to `undefined` if that needs a process of its own.
   *
   * @param {string} file
   * @param {string} mutant
   */
  const run = async (file, mutant) => {
    if (unfit.has(file)) return undefined;
    const at = free.findIndex(worker => worker.file === file);
    const worker = at >= 0 ? free.splice(at, 1)[0] : await start(tree, scratch, file);
    if (!worker) {
      unfit.add(file);
      return undefined;
    }
    const needsOwn = worker.loaded.has(mutant);
    const found = needsOwn ? undefined : await worker.run(mutant);
    if (needsOwn || found.outcome === 'passed' || (found.outcome === 'failed' && (await worker.isInOrder()))) {
      free.push(worker);
      if (free.length > MOST_PROCESSES) free.shift().end();
    } else {
      worker.end();
    }
    return found;
  };
  return {
    run,
    end() {
      for (const end of running) end();
    },
  };
};
