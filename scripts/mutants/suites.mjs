/** Finds the tests, traces which mutants they reach, and runs them with a mutant. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import path from 'node:path';

import { TRACE_VARIABLE, VARIABLE } from './switches.mjs';

/** Test files that do not test the store, or take too long to run with every mutant. */
const LEFT_OUT = ['docs/', 'external/', 'packaging/', 'parity/comparison-finds-faults', 'api/types'];

/** A test in Rust that takes longer than this runs alone. */
const SLOW_MS = 300;
/** Tests are ended if less memory or disk space is free, since a mutant may use all of it. */
const LEAST_FREE_BYTES = 1.5 * 2 ** 30;
const isNearlyFull = () => {
  const { bavail, bsize } = statfsSync(fast);
  return Math.min(freemem(), bavail * bsize) < LEAST_FREE_BYTES;
};

/** The private memory of one process. A mutant that needs more fails, and counts as caught. */
const MEMORY_KIB = 4 * 2 ** 20;
const limited = (command, args) =>
  process.platform === 'win32'
    ? [command, args]
    : ['/bin/sh', ['-c', `ulimit -d ${MEMORY_KIB}; exec "$@"`, 'sh', command, ...args]];

const fast = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const running = new Set();

/** Ends all running tests. */
export const stopAll = () => {
  for (const stop of running) stop();
};

/** Runs a program with a time limit, and deletes its temporary files. Returns whether it succeeded, and its duration. */
const run = (command, args, { cwd, env, limit }) =>
  new Promise(resolve => {
    const temporary = mkdtempSync(path.join(fast, 'mutants-'));
    const begun = performance.now();
    const child = spawn(...limited(command, args), {
      cwd,
      // A failure is enough, so proptest need not shrink it.
      env: { ...process.env, CARGO_MANIFEST_DIR: cwd, TMPDIR: temporary, PROPTEST_MAX_SHRINK_ITERS: '0', ...env },
      stdio: 'ignore',
      detached: true,
    });
    let timedOut = false;
    const stop = () => {
      timedOut = true;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has already ended.
      }
    };
    running.add(stop);
    const watch = setInterval(() => {
      if (performance.now() - begun > limit || isNearlyFull()) stop();
    }, 250);
    child.on('close', status => {
      clearInterval(watch);
      running.delete(stop);
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // All its processes have ended.
      }
      rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
      resolve({ ok: status === 0, timedOut, ms: Math.round(performance.now() - begun) });
    });
  });

const inParallel = async (jobs, items, work) => {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: jobs }, async () => {
      while (queue.length > 0) await work(queue.shift());
    }),
  );
};

/** Lists all tests of a tree, single tests in Rust and files in JavaScript: `{ id, program?, test?, file?, hash }`. */
export const findTests = (tree, programs) => {
  const hashOf = file => createHash('sha256').update(readFileSync(file)).digest('hex');
  const rust = Object.entries(programs).flatMap(([name, program]) => {
    const hash = hashOf(program);
    const { stdout } = spawnSync(program, ['--list', '--format', 'terse'], { cwd: tree, encoding: 'utf8' });
    return stdout
      .split('\n')
      .filter(line => line.endsWith(': test'))
      .map(line => line.slice(0, -': test'.length))
      .map(test => ({ id: `${name} ${test}`, name, program, test, hash }));
  });
  const ava = readdirSync(path.join(tree, '__test__'), { recursive: true })
    .filter(name => name.endsWith('.test.mjs') && !LEFT_OUT.some(out => name.startsWith(out)))
    .map(name => {
      const file = path.join('__test__', name);
      return { id: file, file, hash: hashOf(path.join(tree, file)) };
    });
  return [...rust, ...ava];
};

const avaArguments = file => ['node_modules/ava/entrypoints/cli.mjs', '--fail-fast', '--timeout=10m', file];

/**
 * Runs each test once without a mutant, to measure which mutants it reaches and how long it takes. `known` is the result
 * of an earlier run: tests whose file has not changed do not run again.
 */
export const traceTests = async (tree, tests, { jobs, keyOf, known = {}, isOver, onProgress }) => {
  const traced = {};
  let done = 0;
  const trace = async test => {
    if (isOver()) return;
    if (known[test.id]?.hash === test.hash) {
      traced[test.id] = known[test.id];
    } else {
      const directory = mkdtempSync(path.join(fast, 'mutants-trace-'));
      const file = path.join(directory, 'reached');
      writeFileSync(file, '', { mode: 0o666 });
      const [command, args] = test.file
        ? [process.execPath, avaArguments(test.file)]
        : [test.program, ['--exact', test.test]];
      const { ok, ms } = await run(command, args, { cwd: tree, env: { [TRACE_VARIABLE]: file }, limit: 600_000 });
      const numbers = new Set(readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number));
      rmSync(directory, { recursive: true, force: true });
      traced[test.id] = { ok, ms, hash: test.hash, reached: [...numbers].map(keyOf).filter(Boolean) };
    }
    done += 1;
    onProgress?.(done, tests.length, test, traced[test.id]);
  };
  await inParallel(jobs, tests, trace);
  return traced;
};

/** The path of a source's module, without the crate's name. */
const moduleOf = file =>
  file
    .replace(/^src\//, '')
    .replace(/(\/mod)?\.rs$/, '')
    .replaceAll('/', '::');

/**
 * The suites for a mutant in a file: the module's own tests, the quick tests of each Rust program together, each slow test
 * alone, and each file in JavaScript.
 */
export const suitesFor = (tests, traced, reaches, file) => {
  const own = `${moduleOf(file)}::`;
  // The tests of a directory also test its files.
  const parent = own.replace(/^(\w+::\w+::.*?)\w+::$/, '$1');
  const suites = [];
  const groups = new Map();
  for (const test of tests) {
    const { ok, ms } = traced[test.id] ?? {};
    if (!ok || !reaches(test.id)) continue;
    const isOwn = test.name === 'lib' && [own, parent].some(module => test.test.startsWith(module));
    if (test.file) {
      suites.push({ id: test.file, ms, file: test.file });
    } else if (ms > SLOW_MS) {
      suites.push({ id: test.id, ms, name: test.name, tests: [test.test], isOwn });
    } else {
      const id = isOwn ? `lib ${own}` : test.name;
      const group = groups.get(id) ?? { id, ms: 0, name: test.name, tests: [], isOwn };
      group.ms += ms / 2;
      group.tests.push(test.test);
      groups.set(id, group);
    }
  }
  return [...groups.values(), ...suites];
};

/** Runs one suite with a mutant. Returns whether it failed. A timeout counts if it occurs twice. */
export const ask = async (tree, suite, programs, number) => {
  const [command, args] = suite.file
    ? [process.execPath, avaArguments(suite.file)]
    : [programs[suite.name], ['--exact', ...suite.tests]];
  const env = number === undefined ? {} : { [VARIABLE]: `${number}` };
  const first = await run(command, args, { cwd: tree, env, limit: 8_000 + suite.ms * 6 });
  if (!first.timedOut) return { caught: !first.ok, timedOut: false, ms: first.ms };
  // Other work on the machine may have caused the timeout.
  const { ok, timedOut, ms } = await run(command, args, { cwd: tree, env, limit: 15_000 + suite.ms * 12 });
  return { caught: !ok, timedOut, ms: first.ms + ms };
};
