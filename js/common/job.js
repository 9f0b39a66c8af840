'use strict';

const { harden } = require('./harden.js');

/** How often progress is told, in milliseconds. */
const REPORT_INTERVAL = 50;

/** Calls `onProgress` whenever a job has come further. If that throws, the job is ended. */
const makeReporter = (job, onProgress) => {
  let last;
  let failed = false;
  let failure;
  const report = () => {
    if (failed) return;
    const progress = job.progress();
    if (last && Object.keys(progress).every(name => progress[name] === last[name])) return;
    last = progress;
    try {
      onProgress(harden(progress));
    } catch (error) {
      failed = true;
      failure = error;
      job.abort();
    }
  };
  return {
    report,
    check() {
      if (failed) throw failure;
    },
  };
};

/**
 * Runs a native job that can be watched and ended.
 *
 * @template T
 * @param {any} job
 * @param {{ onProgress?: (progress: any) => void, signal?: AbortSignal }} options
 * @param {() => Promise<T>} run
 * @returns {Promise<T>}
 */
const runJob = async (job, { onProgress, signal }, run) => {
  if (signal) signal.throwIfAborted();
  const abort = () => job.abort();
  const reporter = onProgress && makeReporter(job, onProgress);
  const timer = reporter && setInterval(reporter.report, REPORT_INTERVAL);
  if (signal) signal.addEventListener('abort', abort, { once: true });
  try {
    const result = await run();
    if (reporter) {
      reporter.report();
      reporter.check();
    }
    return result;
  } catch (error) {
    // What a caller's signal or exporter throws may be anything.
    const { code } = Object(error);
    if (signal && signal.aborted && code === 'ABORT_ERR') {
      // What was done up to here may stay done, so it is told.
      if (reporter) reporter.report();
      throw signal.reason;
    }
    if (reporter && code === 'ABORT_ERR') reporter.check();
    throw error;
  } finally {
    if (signal) signal.removeEventListener('abort', abort);
    clearInterval(timer);
  }
};

module.exports = { runJob };
