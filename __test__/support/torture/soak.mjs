// Runs a kernel on a store that others read and prune, for any length of time. Measures the process's resources whenever
// no reader is active: they must not grow, and neither may the log.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeRandom } from '../../../bench/lib/random.mjs';
import { initSwingStore, makeSwingStoreExporter, verifySwingStore } from '../../../index.mjs';
import { runBlock } from './random-blocks.mjs';
import { figures, judge, settle } from './process-figures.mjs';
import { digestOf, readers } from './soak-readers.mjs';

/** The number of blocks in a cycle, with readers and without. */
const BUSY = 60;
const ALONE = 20;
/** The largest number of concurrent readers. */
const MOST = 3;
/** A log may grow up to this size: a commit checkpoints it at 16 MB, and one large block may follow. */
const LOG_BYTES = 24 * 2 ** 20;
/** The number of blocks that an export may lag behind. */
const REMEMBERED = 200;

/** A kernel on a new store. Keeps the export data, and its digest after each block. */
const makeKernel = (dir, seed) => {
  const mirror = new Map();
  const digests = new Map();
  const exportCallback = entries => {
    for (const [key, value] of entries) {
      if (value === null) mirror.delete(key);
      else mirror.set(key, value);
    }
  };
  const store = initSwingStore(dir, { exportCallback, keepSnapshots: true });
  let height = 0;
  return {
    mirror,
    digests,
    height: () => height,
    async runBlock() {
      height += 1;
      await runBlock(store, seed, height, { told: true });
      await store.hostStorage.commit();
      digests.set(height, digestOf(mirror));
      digests.delete(height - REMEMBERED);
    },
    close: store.hostStorage.close,
  };
};

/** The active readers. `check` throws the first failure of a reader. */
const makeAudience = makeWorld => {
  const active = new Set();
  const waiting = new Set();
  const counts = Object.fromEntries(Object.keys(readers).map(name => [name, 0]));
  let passed = 0;
  let leaving = false;
  let failure;
  /** Waits for a number of blocks, or until the readers must stop. */
  const blocks = n =>
    leaving || n <= 0 ? Promise.resolve() : new Promise(resolve => waiting.add({ at: passed + n, resolve }));
  const wake = () => {
    for (const waiter of waiting) {
      if (!leaving && waiter.at > passed) continue;
      waiting.delete(waiter);
      waiter.resolve();
    }
  };
  const check = () => {
    if (failure) throw failure;
  };
  return {
    counts,
    size: () => active.size,
    check,
    admit(name) {
      const reading = readers[name](makeWorld(blocks))
        .then(() => (counts[name] += 1))
        .catch(error => {
          failure ??= Error(`${name}: ${error.message}`, { cause: error });
        })
        .finally(() => active.delete(reading));
      active.add(reading);
    },
    blockHasPassed() {
      passed += 1;
      wake();
      check();
    },
    async dismiss() {
      leaving = true;
      wake();
      await Promise.all(active);
      check();
      leaving = false;
    },
  };
};

const dataOf = async dir => {
  const exporter = makeSwingStoreExporter(dir, { artifactMode: 'debug' });
  const records = [];
  for await (const record of exporter.getExportData()) records.push([...record]);
  await exporter.close();
  return records;
};

/**
 * @param {string} base a working directory
 * @param {{ milliseconds: number, seed: number, idle?: number, onCycle?: (sample: object) => void }} options
 *   `idle`: the pause after each block, as a multiple of the block's time
 * @returns the work and the figures
 * @throws (rejects) at the first fault; at the end, if a resource has grown
 */
export const soak = async (base, { milliseconds, seed, idle = 0, onCycle = () => {} }) => {
  const dir = path.join(base, 'store');
  const random = makeRandom(seed);
  const kernel = makeKernel(dir, seed);
  const { digests } = kernel;
  const audience = makeAudience(blocks => ({ base, dir, digests, blocks, random }));
  const logBytes = () => fs.statSync(path.join(dir, 'swingstore.sqlite-wal')).size;
  const samples = [];

  const block = async () => {
    const begun = performance.now();
    await kernel.runBlock();
    audience.blockHasPassed();
    await sleep((performance.now() - begun) * idle);
  };

  const names = Object.keys(readers);
  const until = performance.now() + milliseconds;
  while (performance.now() < until || samples.length < 6) {
    let longest = 0;
    for (let i = 0; i < BUSY; i += 1) {
      await block();
      if (audience.size() < MOST && random.below(3) === 0) audience.admit(random.pick(names));
      longest = Math.max(longest, logBytes());
    }
    await audience.dismiss();
    // Unclosed exporters release the log, too.
    await settle();
    // The first commit may still be appended after what they have read; then SQLite restarts the log.
    await block();
    const before = Math.max(logBytes(), LOG_BYTES);
    for (let i = 1; i < ALONE; i += 1) await block();
    if (logBytes() > before) throw Error(`nobody reads, and the log has grown from ${before} to ${logBytes()} bytes`);
    await settle();
    samples.push({ ...figures(), log: longest, store: fs.statSync(path.join(dir, 'swingstore.sqlite')).size });
    onCycle({ cycles: samples.length, height: kernel.height(), ...samples.at(-1) });
  }

  await kernel.close();
  if (fs.existsSync(path.join(dir, 'swingstore.sqlite-wal')))
    throw Error('the store is closed, and the log still there');
  if (digestOf(await dataOf(dir)) !== digestOf(kernel.mirror))
    throw Error('the store is not what the callback was told');
  const { findings } = await verifySwingStore(dir, { artifactMode: 'debug' });
  if (findings.length > 0) throw Error(`verify has found: ${JSON.stringify(findings.slice(0, 5))}`);
  const { grown, growths } = judge(samples);
  if (grown.length > 0) throw Error(grown.join('; '));
  const longestLog = Math.max(...samples.map(({ log }) => log));
  return {
    blocks: kernel.height(),
    cycles: samples.length,
    readers: audience.counts,
    growths,
    longestLog,
    last: samples.at(-1),
  };
};
