/** Compares generated heap images with real ones. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { makeHeapImage } from './heap-image.mjs';
import { histogramDistance, imageStatistics } from './image-statistics.mjs';
import { median } from './statistics.mjs';
import { forTerminal } from './table.mjs';

const made = 3;
const madeBytes = 12_000_000;

/** How far a figure may lie outside the range of the real images, as a fraction. */
const tolerance = 0.15;

/** Times depend on the machine's load: they are printed but not judged. */
const isTime = name => name.includes(' ns ');

/** Reads the images of a store. */
const readImages = dir => {
  const file = path.join(dir, 'swingstore.sqlite');
  if (!existsSync(file)) throw Error(`${dir} is not a store: it has no swingstore.sqlite`);
  const db = new Database(file, { readonly: true });
  try {
    const sql = 'SELECT compressedSnapshot FROM snapshots WHERE compressedSnapshot IS NOT NULL';
    return db
      .prepare(sql)
      .pluck()
      .all()
      .map(compressed => gunzipSync(compressed));
  } finally {
    db.close();
  }
};

const summarizeFigure = (statistics, name) => {
  const values = statistics.map(({ figures }) => figures[name]);
  return { lowest: Math.min(...values), middle: median(values), highest: Math.max(...values) };
};

const meanHistogram = statistics =>
  statistics[0].histogram.map(
    (_, value) => statistics.reduce((sum, it) => sum + it.histogram[value], 0) / statistics.length,
  );

const show = value => value.toFixed(2);

/** Prints a comparison. The exit code is 0 if the images are similar. */
export const checkImages = async dir => {
  const images = readImages(dir);
  if (images.length === 0) throw Error(`the store in ${dir} has no heap snapshot to compare with`);
  const real = images.map(imageStatistics);
  const generated = Array.from({ length: made }, (_, seed) => imageStatistics(makeHeapImage(seed, madeBytes)));
  let alike = true;
  const rows = Object.keys(real[0].figures).map(name => {
    const { lowest, middle, highest } = summarizeFigure(real, name);
    const ours = summarizeFigure(generated, name).middle;
    const near = ours >= lowest * (1 - tolerance) && ours <= highest * (1 + tolerance);
    alike &&= near || isTime(name);
    const judgement = near ? 'yes' : 'no';
    return [name, show(middle), `${show(lowest)}–${show(highest)}`, show(ours), isTime(name) ? '' : judgement];
  });
  console.log(`${images.length} real images, ${made} generated ones\n`);
  console.log(forTerminal({ head: ['figure', 'real', 'range', 'generated', 'similar'], rows }));
  const distance = histogramDistance(meanHistogram(real), meanHistogram(generated));
  console.log(`\nDistance of the histograms of bytes, from 0 (the same) to 1: ${show(distance)}`);
  console.log(alike ? 'The images are similar.' : `Not similar: a figure differs by more than ${tolerance * 100} %.`);
  if (!alike) process.exitCode = 1;
};
