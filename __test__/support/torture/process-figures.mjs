// What a process holds: memory, files, threads, mappings; and whether a series of such figures grows.
import fs from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';

const count = kind => fs.readdirSync(`/proc/self/${kind}`).length;

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

/** Collects what nobody holds any more, and lets its finalizers run, which may let go of more. */
export const settle = async () => {
  for (let i = 0; i < 4; i += 1) {
    collectGarbage();
    await sleep(20);
  }
};

/** Sizes in bytes, the rest in pieces. Call `settle` first. Only Linux tells all of it. */
export const figures = () => {
  const { rss, heapUsed, external } = process.memoryUsage();
  const mappings = fs.readFileSync('/proc/self/maps', 'latin1').split('\n').length - 1;
  return { rss, heap: heapUsed, external, fds: count('fd'), threads: count('task'), mappings };
};

const median = numbers => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** At most so many of a list, evenly spread. */
const thin = (list, most) =>
  list.filter((_, i) => Math.floor((i * most) / list.length) !== Math.floor(((i - 1) * most) / list.length));

/**
 * By how much a series has grown from its first to its last number according to the median of all slopes between two of
 * them (the Theil-Sen estimator), which outliers do not move.
 *
 * @param {number[]} series
 */
export const growth = series => {
  const points = thin(series, Math.min(series.length, 400));
  const slopes = points.flatMap((from, i) => points.slice(i + 1).map((to, j) => (to - from) / (j + 1)));
  return slopes.length === 0 ? 0 : median(slopes) * (points.length - 1);
};

/** The least of each few: what an allocator keeps for a while goes away at some time, and a leak never does. */
const WINDOW = 5;
const minima = series =>
  series.length < 6 * WINDOW
    ? series
    : Array.from({ length: Math.floor(series.length / WINDOW) }, (_, i) =>
        Math.min(...series.slice(i * WINDOW, (i + 1) * WINDOW)),
      );

const MIB = 2 ** 20;

/** By how much each figure may grow from the end of the warm-up to the end. A leak of each round is far more. */
// Threads for blocking work come as more of it happens at a time, which is chance, and go ten seconds after the last.
export const bounds = { rss: 24 * MIB, heap: 4 * MIB, external: 4 * MIB, fds: 4, threads: 12, mappings: 40 };

/** How many samples at the beginning are not looked at: caches fill, code is compiled, allocators take their arenas. */
export const warmUp = samples => Math.ceil(samples.length / 3);

/**
 * What has grown more than it may after the warm-up, in words; empty if nothing has.
 *
 * @param {ReturnType<typeof figures>[]} samples
 * @returns {{ grown: string[], growths: Record<string, number> }}
 */
export const judge = (samples, allowed = bounds) => {
  const late = samples.slice(warmUp(samples));
  const growths = Object.fromEntries(
    Object.keys(allowed).map(name => [name, Math.round(growth(minima(late.map(sample => sample[name]))))]),
  );
  const grown = Object.entries(growths)
    .filter(([name, by]) => by > allowed[name])
    .map(([name, by]) => `${name} has grown by ${by} in ${late.length} samples, and may by ${allowed[name]}`);
  return { grown, growths };
};
