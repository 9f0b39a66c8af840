// Measures a process's resources (memory, files, threads, mappings), and judges whether a series of measurements grows.
import fs from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';

const count = kind => fs.readdirSync(`/proc/self/${kind}`).length;

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

/** Collects garbage and runs finalizers, repeatedly, since finalizers may release more. */
export const settle = async () => {
  for (let i = 0; i < 4; i += 1) {
    collectGarbage();
    await sleep(20);
  }
};

/** Sizes in bytes, and counts. Call `settle` first. Complete only on Linux. */
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

/** Selects a limited number of evenly spaced elements. */
const thin = (list, most) =>
  list.filter((_, i) => Math.floor((i * most) / list.length) !== Math.floor(((i - 1) * most) / list.length));

/**
 * Estimates the growth of a series from the median of the slopes of all pairs (the Theil-Sen estimator), which ignores
 * outliers.
 *
 * @param {number[]} series
 */
export const growth = series => {
  const points = thin(series, Math.min(series.length, 400));
  const slopes = points.flatMap((from, i) => points.slice(i + 1).map((to, j) => (to - from) / (j + 1)));
  return slopes.length === 0 ? 0 : median(slopes) * (points.length - 1);
};

/** The minimum of each group of samples: memory that an allocator keeps is released at some time, a leak never. */
const WINDOW = 5;
const minima = series =>
  series.length < 6 * WINDOW
    ? series
    : Array.from({ length: Math.floor(series.length / WINDOW) }, (_, i) =>
        Math.min(...series.slice(i * WINDOW, (i + 1) * WINDOW)),
      );

const MIB = 2 ** 20;

/** The permitted growth of each figure after the warm-up. A leak in each round exceeds it by far. */
// The number of threads for blocking work depends on concurrency; idle ones end after ten seconds.
export const bounds = { rss: 24 * MIB, heap: 4 * MIB, external: 4 * MIB, fds: 4, threads: 12, mappings: 60 };

/** The number of initial samples to ignore: caches fill, code is compiled, allocators reserve arenas. */
export const warmUp = samples => Math.ceil(samples.length / 3);

/**
 * Describes the figures that have grown more than permitted after the warm-up.
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
