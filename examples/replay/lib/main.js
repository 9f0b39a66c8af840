// The program: parses the command line, replays, prints, and cleans up.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { ReplayError, UsageError } from './errors.js';
import { HELP, parseOptions } from './options.js';
import { replay } from './replay.js';
import { escapeControls, makeProgress, resultLines, summaryLine } from './report.js';
import { openSource } from './source.js';
import { planReplays } from './tasks.js';
import { makeWorkerStarter } from './worker.js';

/** The exit codes after a signal: 128 and its number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** The reason with which a signal aborts the work. */
class Interruption extends Error {
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.exitCode = SIGNALS[signal];
  }
}

/** What kind of error it is, for programs that read the JSON document. */
const codeOf = error => {
  if (error instanceof UsageError) return 'ERR_REPLAY_ARGUMENT';
  if (error instanceof ReplayError) return 'ERR_REPLAY_IMPOSSIBLE';
  if (error instanceof Interruption) return 'ERR_REPLAY_INTERRUPTED';
  return typeof error.code === 'string' ? error.code : 'ERR_REPLAY_INTERNAL';
};

/** The files for the images after the last position, by mode. Throws if one exists. */
const imageFilesFor = ({ until, image, snapshotModes }, tasks) => {
  if (until === undefined) return {};
  // A vat ID is any text.
  const vatID = encodeURIComponent(tasks[0].vatID);
  const files = {};
  for (const mode of snapshotModes) {
    const usual = snapshotModes.length > 1 ? `${vatID}-${until}.${mode}.xss` : `${vatID}-${until}.xss`;
    files[mode] = resolve(image ?? usual);
    if (existsSync(files[mode])) {
      throw new ReplayError(`${files[mode]} exists: remove it, or name another file with --image`);
    }
  }
  return files;
};

/** Adds the recorded snapshot to an image at the same position, and whether they are equal. */
const withRecord = async (source, task, image) => {
  if (!image) return image;
  const last = task.endPos - 1;
  // A delivery before a `save-snapshot` leaves the heap that is saved.
  const snapshots = await source.history.listSnapshots(task.vatID);
  const recorded = snapshots.find(({ snapPos }) => snapPos === last || snapPos === task.endPos);
  if (!recorded) return image;
  return { ...image, artifact: recorded.artifact, isEqual: recorded.hash === image.snapshotID };
};

/** Replays all tasks, one after the other. Returns a result for each of them and each mode. */
const replayAll = async ({ source, tasks, options, startWorker, temporary, signal, progress, onResult }) => {
  const imageFiles = imageFilesFor(options, tasks);
  const results = [];
  for (const task of tasks) {
    const { vatID, name, incarnation, startPos, endPos, start } = task;
    const started = performance.now();
    const prepareStart = async imageFile => {
      if (task.snapshot) {
        await source.copyImage(task.snapshot, imageFile);
        return { imageFile };
      }
      const ofRole = wanted => task.bundles.filter(({ role }) => role === wanted).map(source.readBundle);
      return {
        workerBundles: ofRole('worker'),
        vatBundle: ofRole('vat')[0],
        liveSlotsOptions: task.liveSlotsOptions,
      };
    };
    const replayed = await replay({
      task,
      items: source.history.readItems(vatID, { start: startPos, end: endPos }),
      snapshotModes: options.snapshotModes,
      imageFiles,
      startWorker,
      prepareStart,
      compare: options.compare,
      temporary,
      signal,
      onProgress: ({ position, done, total }) =>
        progress.show(`${vatID}, incarnation ${incarnation}: position ${position}, ${done} of ${total} items`),
    });
    const seconds = (performance.now() - started) / 1000;
    for (const result of replayed) {
      const image = await withRecord(source, task, result.image);
      const whole = { vatID, name, incarnation, start: start.kind, startPos, endPos, ...result, image, seconds };
      results.push(whole);
      onResult({ ...whole, snapshotModes: replayed.length });
    }
  }
  return results;
};

/**
 * Runs the program.
 *
 * @param {string[]} args
 * @param {object} powers what the program uses of its environment
 * @returns {Promise<number>} the exit code
 */
export const main = async (args, powers) => {
  const { api, xsnap, version, stdout, stderr, onSignal, makeTemporary, removeTemporary } = powers;
  const say = line => void stdout.write(`${escapeControls(line)}\n`);
  const warn = line => void stderr.write(`${escapeControls(line)}\n`);
  const isJSON = args.includes('--json');

  /** Prints an error. Returns the exit code. */
  const fail = error => {
    const isExpected = error instanceof UsageError || error instanceof ReplayError || typeof error.code === 'string';
    const message = isExpected || error instanceof Interruption ? error.message : error.stack;
    if (isJSON) say(JSON.stringify({ error: { code: codeOf(error), message } }));
    warn(`error: ${message}`);
    if (error instanceof UsageError) warn('"--help" lists the options.');
    return error.exitCode ?? 2;
  };

  let options;
  try {
    options = parseOptions(args);
  } catch (error) {
    return fail(error);
  }
  if (options.help) {
    stdout.write(HELP);
    return 0;
  }
  if (options.version) {
    say(version);
    return 0;
  }

  const aborter = new AbortController();
  const { signal } = aborter;
  let temporary;
  const clean = () => temporary && removeTemporary(temporary);
  for (const name of Object.keys(SIGNALS)) {
    onSignal(name, () => {
      if (signal.aborted) {
        clean();
        process.exit(SIGNALS[name]);
      }
      aborter.abort(new Interruption(name));
    });
  }
  const progress = makeProgress(options.progress, stderr);
  const onResult = result => {
    progress.clear();
    if (!options.json) resultLines(result).forEach(say);
  };

  let source;
  try {
    temporary = makeTemporary();
    source = await openSource({ api, ...options, temporary, signal, onProgress: progress.show });
    const { tasks, skipped } = await planReplays({ ...source, directory: options.directory }, options);
    const onConsole = (...words) => warn(words.join(' '));
    const startWorker = makeWorkerStarter({
      xsnap,
      signal,
      program: options.workerProgram && resolve(options.workerProgram),
      onConsole: options.console ? onConsole : undefined,
    });
    const results = await replayAll({ source, tasks, options, startWorker, temporary, signal, progress, onResult });
    const isEqual = results.every(({ divergence }) => divergence === null);
    if (options.json) {
      say(JSON.stringify({ directory: options.directory, isEqual, replays: results, skipped }));
    } else {
      for (const { vatID, reason } of skipped) say(`${vatID}: skipped: ${reason}`);
      say(summaryLine(results, skipped));
    }
    return isEqual ? 0 : 1;
  } catch (error) {
    return fail(signal.aborted ? signal.reason : error);
  } finally {
    progress.clear();
    await source?.close();
    clean();
  }
};
