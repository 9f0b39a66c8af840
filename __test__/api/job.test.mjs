// Progress reports and aborts of the addon's work on another thread, with a fake job that the test controls.
import test from 'ava';
import { setTimeout as sleep } from 'node:timers/promises';

import { internal } from '../support/common/internals.mjs';

const { runJob } = internal('job.js');

/** A job whose progress and end the test sets. */
const makeJob = () => {
  const job = {
    at: { stage: 'first', done: 0 },
    asked: 0,
    aborted: 0,
    progress() {
      job.asked += 1;
      return { ...job.at };
    },
    abort: () => (job.aborted += 1),
  };
  job.work = new Promise((resolve, reject) => Object.assign(job, { end: resolve, fail: reject }));
  job.run = () => job.work;
  return job;
};

const abortError = () => Object.assign(Error('the work was ended'), { code: 'ABORT_ERR' });

/** The value that a promise is rejected with, which need not be an error. */
const reasonOf = promise =>
  promise.then(
    value => {
      throw Error(`it is not rejected, but comes to ${value}`);
    },
    reason => reason,
  );

/** Waits until a condition holds; fails after a few reports. */
const until = async condition => {
  for (let left = 400; !condition(); left -= 1) {
    if (left === 0) throw Error(`it never holds: ${condition}`);
    await sleep(5);
  }
};

test('progress is reported when it changes, and at the end', async t => {
  const job = makeJob();
  const told = [];
  const onProgress = progress => {
    t.true(Object.isFrozen(progress));
    told.push(progress);
  };
  const work = runJob(job, { onProgress }, job.run);
  await until(() => job.asked > 2);
  t.deepEqual(told, [{ stage: 'first', done: 0 }]);
  // A change of one number is reported.
  job.at.done = 1;
  await until(() => told.length === 2);
  job.at.stage = 'second';
  await until(() => told.length === 3);
  t.deepEqual(told.slice(1), [
    { stage: 'first', done: 1 },
    { stage: 'second', done: 1 },
  ]);
  // Progress after the last regular report is reported before the job's promise resolves.
  job.at.done = 2;
  job.end('result');
  t.is(await work, 'result');
  t.deepEqual(told[3], { stage: 'second', done: 2 });
  const { asked } = job;
  await sleep(150);
  t.is(job.asked, asked);
  t.is(job.aborted, 0);
});

test('without onProgress, progress is not read', async t => {
  const job = makeJob();
  const work = runJob(job, {}, job.run);
  await sleep(120);
  job.end('result');
  t.is(await work, 'result');
  t.is(job.asked, 0);
});

test("a callback that throws aborts the work, which rejects with the callback's error", async t => {
  for (const [what, end] of Object.entries({
    'the job is aborted': job => job.fail(abortError()),
    'the job ends before the abort': job => job.end('result'),
  })) {
    const job = makeJob();
    const failure = { not: 'an error' };
    let calls = 0;
    const onProgress = () => {
      calls += 1;
      throw failure;
    };
    const work = runJob(job, { onProgress }, job.run);
    await until(() => job.aborted > 0);
    job.at.done = 1;
    const { asked } = job;
    await sleep(120);
    // Neither `progress` nor `onProgress` is called again.
    t.deepEqual([job.asked, job.aborted, calls], [asked, 1, 1], what);
    end(job);
    t.is(await reasonOf(work), failure, what);
    t.is(calls, 1);
  }
  // Throwing `undefined` is a failure, too; and the last report may fail.
  const job = makeJob();
  const work = runJob(
    job,
    {
      onProgress() {
        throw undefined;
      },
    },
    job.run,
  );
  job.end('result');
  t.is(await reasonOf(work), undefined);
  // An error of the job itself takes precedence.
  const other = makeJob();
  const quiet = runJob(other, { onProgress: () => {} }, other.run);
  other.fail(Error('the disk is full'));
  await t.throwsAsync(quiet, { message: 'the disk is full' });
  const both = makeJob();
  const failing = runJob(
    both,
    {
      onProgress() {
        throw Error('from the callback');
      },
    },
    both.run,
  );
  await until(() => both.aborted > 0);
  both.fail(Error('the disk is full'));
  await t.throwsAsync(failing, { message: 'the disk is full' });
});

test("a signal aborts the work, which rejects with the signal's reason", async t => {
  const job = makeJob();
  const controller = new AbortController();
  const told = [];
  const options = { signal: controller.signal, onProgress: progress => told.push(progress) };
  const work = runJob(job, options, job.run);
  await until(() => told.length > 0);
  t.is(job.aborted, 0);
  controller.abort('enough');
  t.is(job.aborted, 1);
  job.at.done = 5;
  job.fail(abortError());
  t.is(await reasonOf(work), 'enough');
  // The progress until the abort is reported.
  t.deepEqual(told.at(-1), { stage: 'first', done: 5 });

  // A signal without `onProgress`.
  const alone = makeJob();
  const second = new AbortController();
  const ended = runJob(alone, { signal: second.signal }, alone.run);
  second.abort('enough again');
  alone.fail(abortError());
  t.is(await reasonOf(ended), 'enough again');
});

test('a signal before the start, after the end, or together with a failure', async t => {
  // Aborted before the start: the job does not start.
  const early = makeJob();
  const run = () => t.fail();
  const work = runJob(early, { signal: AbortSignal.abort('before'), onProgress: () => t.fail() }, run);
  t.is(await reasonOf(work), 'before');

  // Aborted after the end: the job has succeeded, and is not aborted.
  const late = makeJob();
  const controller = new AbortController();
  const listeners = [];
  const { signal } = controller;
  for (const name of ['addEventListener', 'removeEventListener']) {
    const original = signal[name].bind(signal);
    signal[name] = (type, listener, options) => {
      listeners.push(`${name} ${type} ${options?.once ?? ''}`.trim());
      return original(type, listener, options);
    };
  }
  const whole = runJob(late, { signal }, late.run);
  late.end('result');
  t.is(await whole, 'result');
  controller.abort();
  t.is(late.aborted, 0);
  t.deepEqual(listeners, ['addEventListener abort true', 'removeEventListener abort']);

  // The job fails with its own error after the signal was aborted.
  const failed = makeJob();
  const other = new AbortController();
  const failing = runJob(failed, { signal: other.signal }, failed.run);
  other.abort();
  failed.fail(Error('the disk is full'));
  await t.throwsAsync(failing, { message: 'the disk is full' });

  // The job reports an abort that the signal did not cause.
  const strange = makeJob();
  const ended = runJob(strange, { signal: new AbortController().signal }, strange.run);
  strange.fail(abortError());
  await t.throwsAsync(ended, { code: 'ABORT_ERR' });
  for (const reason of [undefined, null, 'text']) {
    const job = makeJob();
    job.fail(reason);
    t.is(await reasonOf(runJob(job, { onProgress: () => {} }, job.run)), reason);
  }
});
