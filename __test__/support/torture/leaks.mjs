// Runs thousands of such rounds in this process and measures the process's resources.
import fs from 'node:fs';
import path from 'node:path';
import { bounds, figures, judge, settle } from './process-figures.mjs';
import { kinds, prepare, removeDirectory, threadRound } from './leak-rounds.mjs';

/** The number of rounds between two garbage collections, which close dropped objects. */
const COLLECT_EVERY = 50;
const SAMPLES = 100;
/** The number of rounds between two rounds with threads, which take longer. */
const THREAD_EVERY = 50;

/**
 * @param {string} base an empty directory that contains `TMPDIR`, so that files left there are noticed
 * @param {{ rounds: number, only?: string, onSample?: (sample: object) => void }} options
 *   `only`: the only kind of round to run
 * @returns the rounds and the figures
 * @throws (rejects) with the resources that have grown
 */
export const leakRounds = async (base, { rounds, only, onSample = () => {} }) => {
  const world = await prepare(base);
  const filesOf = dir => fs.readdirSync(dir, { recursive: true }).length;
  const chosen = Object.entries(kinds).filter(([name]) => only === undefined || only === name);
  if (chosen.length === 0) throw Error(`no such kind of round as ${only}; there are: ${Object.keys(kinds).join(', ')}`);
  const clear = () => removeDirectory(world.made);
  const samples = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, perform] of chosen) {
      try {
        await perform({ ...world, round });
      } catch (error) {
        throw Error(`round ${round}, ${name}: ${error.message}`, { cause: error });
      }
      await clear();
    }
    if (only === undefined && round % THREAD_EVERY === 0) await threadRound({ ...world, round });
    if (round % COLLECT_EVERY === 0) await settle();
    if (round % Math.max(1, Math.floor(rounds / SAMPLES)) === 0) {
      await settle();
      await clear();
      const sample = { round, ...figures(), files: filesOf(base) };
      samples.push(sample);
      onSample(sample);
    }
  }
  const { grown, growths } = judge(samples, { ...bounds, files: 4 });
  if (grown.length > 0) throw Error(grown.join('; '));
  return { rounds, kinds: chosen.length, growths, first: samples[0], last: samples.at(-1) };
};

/** Makes the working directory and points `TMPDIR` to it. Must run before anything is opened. */
export const makeBase = parent => {
  const base = fs.mkdtempSync(path.join(parent, 'swing-store-leaks-'));
  const temporary = path.join(base, 'tmp');
  fs.mkdirSync(temporary);
  process.env.TMPDIR = temporary;
  process.env.SQLITE_TMPDIR = temporary;
  return base;
};
