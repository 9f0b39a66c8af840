/** Keeps processes that run a test file repeatedly. Replaces a process whose state a mutant has damaged. */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

/** Functions that end the processes. */
const running = new Set();

/** The number of runs after which a process is replaced, since the modules of each run stay in memory. */
const MOST_RUNS = 150;

/** The largest number of idle processes. */
const MOST_PROCESSES = 8;

/** The longest duration of a run, from its duration without a mutant, both in milliseconds. */
const limitOf = ms => 5 * ms + 6_000;

/** The longest computing time of a run, from that without a mutant. It does not depend on other work on the machine. */
const cpuLimitOf = ms => 5 * ms + 2_000;

/** The computing time of a process in milliseconds, from Linux's numbers in hundredths of a second; elsewhere always 0. */
const cpuOf = pid => {
  try {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13);
    return 10 * (Number(user) + Number(system));
  } catch {
    return 0;
  }
};

const END = { outcome: 'failed', why: 'the process has ended' };

/**
 * Starts a process for one test file. Resolves to `undefined` if the file can't run repeatedly.
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
      // All have ended.
    }
    rmSync(own, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  running.add(end);
  /** Sends a message and waits for the answer, within limits in milliseconds. */
  const ask = (message, limit, cpuLimit = Infinity) =>
    new Promise(resolve => {
      const begun = cpuOf(child.pid);
      const late = isSure => answer({ outcome: 'timeout', why: 'it took too long', isSure });
      const timer = setTimeout(() => late(false), limit);
      const poll = setInterval(() => cpuOf(child.pid) - begun > cpuLimit && late(true), 300);
      answer = found => {
        clearTimeout(timer);
        clearInterval(poll);
        answer = () => {};
        resolve(found);
      };
      if (message && child.connected) child.send(message);
      else if (message) answer(END);
    });

  const { loaded } = await ask(undefined, 300_000);
  let ms = 0;
  let cpu = 0;
  let runs = 0;
  const run = async (mutant, { isActive = true, all = false } = {}) => {
    runs += 1;
    const message = { mutant, isActive, all };
    if (mutant !== undefined) return ask(message, limitOf(ms), cpuLimitOf(cpu));
    const begun = { ms: performance.now(), cpu: cpuOf(child.pid) };
    const found = await ask(message, 300_000);
    ms = Math.max(ms, performance.now() - begun.ms);
    cpu = Math.max(cpu, cpuOf(child.pid) - begun.cpu);
    return found;
  };
  // Twice, because the second run may fail on files or state of the first.
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
    hasRunsLeft: () => runs < MOST_RUNS,
    /** Whether the same tests still pass without the mutant. */
    isInOrder: async (mutant, all) => (await run(mutant, { isActive: false, all })).outcome === 'passed',
  };
};

/**
 * @param {string} tree
 * @param {string} scratch a directory for the tests' temporary files
 */
export const makePool = (tree, scratch) => {
  /** Idle processes, the last used at the end. */
  const free = [];
  const unfit = new Set();

  /**
   * Runs a test file with a mutant. Resolves to `undefined` if that needs a new process.
   *
   * @param {string} file
   * @param {string} mutant
   * @param {boolean} [all]  whether to run all tests instead of those that are known to reach the mutant
   */
  const run = async (file, mutant, all) => {
    if (unfit.has(file)) return undefined;
    const at = free.findIndex(worker => worker.file === file);
    const worker = at >= 0 ? free.splice(at, 1)[0] : await start(tree, scratch, file);
    if (!worker) {
      unfit.add(file);
      return undefined;
    }
    const needsOwn = worker.loaded.has(mutant);
    const found = needsOwn ? undefined : await worker.run(mutant, { all });
    const isSound =
      needsOwn || found.outcome === 'passed' || (found.outcome === 'failed' && (await worker.isInOrder(mutant, all)));
    if (isSound && worker.hasRunsLeft()) {
      free.push(worker);
      if (free.length > MOST_PROCESSES) free.shift().end();
    } else {
      worker.end();
    }
    // An earlier mutant may have caused the failure, or the tests may depend on others: a new process decides.
    return isSound || found.outcome === 'timeout' ? found : undefined;
  };
  return {
    run,
    end() {
      for (const end of running) end();
    },
  };
};
