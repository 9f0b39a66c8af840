// The processes of examples/replay: programs that are missing, cannot run, or end, and the end of a replay.
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

import test from 'ava';

import { makeWorkerStarter } from '../../examples/replay/lib/worker.js';
import { temporaryDirectory } from '../support/common/temporary-directory.mjs';

// The example supports the systems for which there is xsnap.
const run = process.platform === 'win32' ? test.skip : test;

/** An error of writing to a process that has ended. */
const brokenPipe = () => Object.assign(Error('write EPIPE'), { code: 'EPIPE' });

/** An `xsnap` that starts a program, and whose workers fail with the errors of `failing`. */
const makeXsnap = (usual, failing) => {
  const children = [];
  const xsnap = async ({ spawn }) => {
    const child = spawn(usual, [], { stdio: 'ignore' });
    children.push(child);
    return {
      evaluate: () => failing(child),
      terminate: async () => void child.kill(),
    };
  };
  return { xsnap, children };
};

/** Starts a worker from bundles. Returns the error. */
const start = async (t, { usual = '/bin/true', program, failing, signal = new AbortController().signal }) => {
  const { xsnap, children } = makeXsnap(usual, failing);
  const startWorker = makeWorkerStarter({ xsnap, signal, program });
  const begin = { vatID: 'v1', metered: false, workerBundles: [{ source: '' }], vatBundle: {}, liveSlotsOptions: {} };
  const error = await t.throwsAsync(startWorker(begin));
  return { error, children };
};

const never = () => new Promise(() => {});

/** Makes a script. */
const makeProgram = (t, text, mode = 0o755) => {
  const file = path.join(temporaryDirectory(t, 'worker'), 'program');
  fs.writeFileSync(file, text, { mode });
  return file;
};

run('workers that were not compiled, and programs that cannot run', async t => {
  const directory = temporaryDirectory(t, 'worker');
  const missing = path.join(directory, 'xsnap-worker');
  const { error } = await start(t, { usual: missing });
  t.regex(error.message, /xsnap-worker is missing, so the workers are not compiled: run "npm rebuild @agoric\/xsnap"/);
  for (const program of [missing, directory, makeProgram(t, '', 0o644)]) {
    const refused = await start(t, { program });
    t.regex(refused.error.message, /^--worker-program \S+ is not an executable file$/);
  }
  // An interpreter that does not exist.
  const other = await start(t, { program: makeProgram(t, '#!/no/such/program\n'), failing: never });
  t.regex(other.error.message, /^the worker does not start: spawn \S+ ENOENT$/);
});

run('a worker that ends before it reads', async t => {
  const failing = async child => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    throw brokenPipe();
  };
  for (const [script, problem] of [
    ['exit 7', 'the worker exited with code 7'],
    ['kill -SEGV $$', 'the worker exited due to signal SIGSEGV'],
  ]) {
    const { error } = await start(t, { program: makeProgram(t, `#!/bin/sh\n${script}\n`), failing });
    t.is(error.kind, 'worker');
    t.is(error.details.problem, problem);
  }
  // What ends a worker from outside says nothing about the replay.
  const killed = await start(t, { program: makeProgram(t, '#!/bin/sh\nkill -KILL $$\n'), failing });
  t.regex(killed.error.message, /SIGKILL: something else ended the worker/);
  // It closes the pipe and goes on.
  const program = makeProgram(t, '#!/bin/sh\nexec sleep 100\n');
  const silent = await start(t, { program, failing: () => Promise.reject(brokenPipe()) });
  t.is(silent.error.details.problem, 'the worker no longer reads what it is sent');
  const [child] = silent.children;
  if (child.signalCode === null) await once(child, 'exit');
  t.is(child.signalCode, 'SIGTERM', 'it is ended');
});

run('an abort kills workers that do not answer', async t => {
  const aborter = new AbortController();
  const program = makeProgram(t, '#!/bin/sh\ntrap "" INT TERM\nwhile :; do sleep 1; done\n');
  const failing = async () => {
    setTimeout(() => aborter.abort(Error('enough')), 100);
    return never();
  };
  const { error, children } = await start(t, { program, failing, signal: aborter.signal });
  t.truthy(error);
  const [child] = children;
  if (child.signalCode === null) await once(child, 'exit');
  t.is(child.signalCode, 'SIGKILL');
});
