'use strict';

const { harden } = require('./harden.js');

/** The time between two calls of `onProgress`, in milliseconds. */
const REPORT_INTERVAL = 50;

/** Calls `onProgress` when a job has progressed. If `onProgress` throws, the job is aborted and `check` throws the error. */
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
 * Runs a native job, reports its progress, and aborts it when the signal is aborted.
 *
 * @template T
 * @param {any} job has `progress()` and `abort()`
 * @param {{ onProgress?: (progress: any) => void, signal?: AbortSignal }} options
 * @param {() => Promise<T>} run does the work
 * @returns {Promise<T>} what `run` resolves to
 * @throws the signal's reason if it was aborted; what `onProgress` threw
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
    // A caller's signal or exporter may throw any value.
    const { code } = Object(error);
    if (signal && signal.aborted && code === 'ABORT_ERR') {
      // The work done so far may be permanent, so it is reported.
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

/**
 * Runs a native job whose result is a report as JSON text.
 *
 * @param {any} job
 * @param {{ onProgress?: (progress: any) => void, signal?: AbortSignal }} options
 * @param {() => Promise<string>} [run]
 * @returns {Promise<any>} the report, hardened
 * @throws as {@link runJob}
 */
const runReportingJob = async (job, options, run = job.run) => harden(JSON.parse(await runJob(job, options, run)));

module.exports = { runJob, runReportingJob };
