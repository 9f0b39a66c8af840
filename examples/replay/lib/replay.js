// Replays an incarnation of a vat, and compares it with the record.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { Divergence, makeSyscallComparison } from './divergence.js';
import { ReplayError } from './errors.js';
import { readImage } from './images.js';
import { parseItem } from './transcript.js';

/** Counts what was compared. */
const makeTally = () => ({
  deliveries: 0,
  syscalls: 0,
  images: { equal: 0, different: 0, firstDifferent: null },
  computrons: { compared: 0, different: 0, firstDifferent: null },
});

/** Counts a comparison of numbers or hashes. Returns whether they are equal. */
const count = (tally, position, recorded, replayed) => {
  if (recorded === replayed) return true;
  tally.different += 1;
  tally.firstDifferent ??= { position, recorded, replayed };
  return false;
};

/**
 * One worker, or a succession of workers, that replays an incarnation.
 *
 * @param {object} powers
 * @param {object} powers.task of `planReplays`
 * @param {'restart' | 'continue'} powers.atSnapshot
 * @param {(start: object) => Promise<object>} powers.startWorker of `makeWorkerStarter`
 * @param {() => Promise<object>} powers.prepareStart returns what to start the first worker from
 * @param {{ images: boolean, computrons: boolean }} powers.compare what counts as a divergence
 * @param {string} powers.temporary a directory for the image between two workers
 * @param {string} [powers.finalImage] the file for the image after the last position
 */
const makeLane = ({ task, atSnapshot, startWorker, prepareStart, compare, temporary, finalImage }) => {
  const { vatID, metered } = task;
  const tally = makeTally();
  const betweenWorkers = join(temporary, `${atSnapshot}.xss`);
  const lastPosition = task.endPos - 1;
  let position = null;
  let worker;
  let saved;
  let image = null;
  let divergence = null;

  const begin = async () => {
    const start = await prepareStart();
    worker = await startWorker({ vatID, metered, ...start });
    if (start.imageFile) await rm(start.imageFile);
  };

  const restart = async () => {
    await worker.close();
    worker = await startWorker({ vatID, metered, imageFile: betweenWorkers });
    await rm(betweenWorkers);
  };

  const load = async entry => {
    if (entry.position === task.startPos) return;
    const { snapshotID } = entry.delivery[1];
    if (saved?.recorded !== snapshotID) {
      throw new ReplayError(
        `${vatID} loads the snapshot ${snapshotID} at position ${entry.position}, and saved ` +
          `${saved ? saved.recorded : 'none'} before: the transcript is damaged, or was not written by a kernel`,
      );
    }
    if (atSnapshot === 'restart') await restart();
  };

  const save = async entry => {
    const isLast = entry.position === lastPosition;
    const file = isLast ? finalImage : atSnapshot === 'restart' ? betweenWorkers : undefined;
    const replayed = await readImage(worker.makeImage(), file);
    const recorded = entry.result.snapshotID;
    saved = { recorded };
    if (isLast && file) image = { file, ...replayed };
    if (count(tally.images, entry.position, recorded, replayed.snapshotID)) {
      tally.images.equal += 1;
    } else if (compare.images) {
      throw new Divergence('image', { recorded, replayed: replayed.snapshotID, size: replayed.size });
    }
  };

  const deliver = async entry => {
    const { delivery, syscalls, result } = entry;
    const comparison = makeSyscallComparison(syscalls);
    const { status, problem, computrons } = await worker.deliver(delivery, comparison.answer);
    // A delivery that fails does not make its other system calls, so its result says more.
    if (status !== result.status) {
      throw new Divergence('result', { recorded: result.status, replayed: status, problem });
    }
    comparison.finish();
    const recorded = result.metering?.computrons;
    if (recorded !== undefined && computrons !== undefined) {
      tally.computrons.compared += 1;
      if (!count(tally.computrons, entry.position, recorded, computrons) && compare.computrons) {
        throw new Divergence('computrons', { recorded, replayed: computrons });
      }
    }
    tally.deliveries += 1;
    tally.syscalls += syscalls.length;
  };

  const follow = async entry => {
    switch (entry.kind) {
      case 'initialize-worker': {
        if (entry.position !== task.startPos) {
          throw new ReplayError(`${vatID} starts a worker at position ${entry.position}, amid an incarnation`);
        }
        return;
      }
      case 'load-snapshot':
        return load(entry);
      case 'save-snapshot':
        return save(entry);
      case 'shutdown-worker':
        return;
      default:
        return deliver(entry);
    }
  };

  /** Performs a step of the replay. Notes a divergence, and then ends the worker. */
  const attempt = async (entry, step) => {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof Divergence)) throw error;
      divergence = {
        position: entry.position,
        kind: error.kind,
        delivery: entry.delivery ?? null,
        ...error.details,
      };
      await worker?.terminate();
    }
  };

  return {
    hasDiverged: () => divergence !== null,
    begin: () => attempt({ position: task.startPos }, begin),
    follow: entry =>
      attempt(entry, async () => {
        await follow(entry);
        ({ position } = entry);
        if (position === lastPosition && finalImage && !image) {
          image = { file: finalImage, ...(await readImage(worker.makeImage(), finalImage)) };
        }
      }),
    close: () => attempt({ position: lastPosition }, () => worker.close()),
    terminate: () => worker?.terminate(),
    result: () => ({ atSnapshot, lastPosition: position, ...tally, divergence, image }),
  };
};

/**
 * Replays a task with one worker for each mode, all at the same time.
 *
 * @param {object} powers
 * @param {object} powers.task of `planReplays`
 * @param {AsyncIterable<{ position: number, item: string }>} powers.items its items
 * @param {('restart' | 'continue')[]} powers.snapshotModes
 * @param {Record<string, string>} [powers.imageFiles] by mode: files for the image after the last position
 * @param {(start: object) => Promise<object>} powers.startWorker starts workers, which end when the signal is aborted
 * @param {(file: string) => Promise<object>} powers.prepareStart returns what to start the first worker from; it may use
 *   a file
 * @param {{ images: boolean, computrons: boolean }} powers.compare
 * @param {string} powers.temporary an empty directory
 * @param {AbortSignal} powers.signal
 * @param {(progress: { position: number, done: number, total: number }) => void} powers.onProgress
 * @returns {Promise<object[]>} a result for each mode
 * @throws {ReplayError} if the items cannot be replayed; the signal's reason if it is aborted
 */
export const replay = async powers => {
  const { task, items, snapshotModes, imageFiles = {}, temporary, signal, onProgress } = powers;
  const { prepareStart, startWorker, compare } = powers;
  signal.throwIfAborted();
  const lanes = snapshotModes.map(atSnapshot =>
    makeLane({
      task,
      atSnapshot,
      startWorker,
      prepareStart: () => prepareStart(join(temporary, `${atSnapshot}-start.xss`)),
      compare,
      temporary,
      finalImage: imageFiles[atSnapshot],
    }),
  );
  const active = () => lanes.filter(lane => !lane.hasDiverged());
  const total = task.endPos - task.startPos;
  let expected = task.startPos;
  try {
    await Promise.all(lanes.map(lane => lane.begin()));
    for await (const { position, item } of items) {
      signal.throwIfAborted();
      if (position !== expected) throw new ReplayError(`the item at position ${expected} is missing`);
      if (active().length === 0) break;
      const entry = parseItem(position, item);
      await Promise.all(active().map(lane => lane.follow(entry)));
      expected += 1;
      onProgress({ position, done: expected - task.startPos, total });
    }
    signal.throwIfAborted();
    if (active().length > 0 && expected !== task.endPos) {
      throw new ReplayError(`the item at position ${expected} is missing`);
    }
    await Promise.all(active().map(lane => lane.close()));
  } catch (error) {
    // A worker that the abort has ended fails in some way.
    signal.throwIfAborted();
    throw error;
  } finally {
    await Promise.all(lanes.map(lane => lane.terminate()));
  }
  return lanes.map(lane => lane.result());
};
