/**
 * Measures the memory of one process that does everything once: keys, items, images, an export, and an import of that
 * export.
 *
 *     npm run memory                         both implementations
 *     npm run memory -- --only ours          only one: ours or reference
 *     npm run memory -- --scale 0.1          a tenth of all sizes
 *     npm run memory -- --large              instead, imports a store of 1 GB that another process has made
 *     npm run memory -- --runs 3             medians of three alternating runs
 *
 * Each implementation runs in a separate process. Prints the peak resident memory of each step, and the resident memory
 * at the end, after garbage collection. Linux only.
 */
import { fork } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { median } from '../bench/lib/statistics.mjs';

const program = fileURLToPath(import.meta.url);
const MIB = 2 ** 20;

/** Sizes at scale 1. */
const KEYS = 100_000;
const ITEM_BYTES = 90 * MIB;
const ITEM_LENGTH = 2_600;
const IMAGES = 5;
const IMAGE_BYTES = 12 * MIB;
const LARGE_ITEM_BYTES = 1000 * MIB;
const LARGE_SPAN = 2_000;

/** A memory figure of this process from `/proc/self/status`, in bytes. */
const status = name => {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'));
  return Number(line[1]) * 1024;
};

/** Exports a store and imports it into another. */
const importStore = async (api, from, to) => {
  const exporter = api.makeSwingStoreExporter(from, { artifactMode: 'debug' });
  const imported = await api.importSwingStore(exporter, to, { artifactMode: 'debug' });
  await imported.hostStorage.commit();
  await imported.hostStorage.close();
};

/** An item of a transcript. */
const makeItem = i => `{"number":${i},"text":"${`${i} and more `.repeat(400).slice(0, ITEM_LENGTH)}"}`;

/** Does everything once, and notes what each step takes. */
const doEverything = async (api, step, { dir, image, scale }) => {
  const from = path.join(dir, 'from');
  const { kernelStorage, hostStorage } = api.initSwingStore(from, { exportCallback: () => {} });
  const { kvStore, transcriptStore, snapStore } = kernelStorage;

  await step('keys', async () => {
    for (let i = 0; i < KEYS * scale; i += 1) {
      kvStore.set(`v${i % 40}.c.kp${i}`, `a value of some length, number ${i}, with an end`);
      if (i % 1000 === 999) await hostStorage.commit();
    }
    await hostStorage.commit();
  });
  await step('items', async () => {
    for (let vat = 0; vat < 4; vat += 1) transcriptStore.initTranscript(`v${vat}`);
    for (let i = 0; i < (ITEM_BYTES * scale) / ITEM_LENGTH; i += 1) {
      const vatID = `v${i % 4}`;
      transcriptStore.addItem(vatID, makeItem(i));
      if (i % 4000 > 3995) await transcriptStore.rolloverSpan(vatID);
      if (i % 200 === 199) await hostStorage.commit();
    }
    await hostStorage.commit();
  });
  await step('images', async () => {
    for (let i = 0; i < IMAGES; i += 1) {
      await snapStore.saveSnapshot(`v${i % 4}`, i + 1, createReadStream(image));
      await hostStorage.commit();
    }
  });
  await hostStorage.close();
  await step('export', async () => {
    const exporter = api.makeSwingStoreExporter(from, { artifactMode: 'debug' });
    for await (const pair of exporter.getExportData()) if (pair.length !== 2) throw Error('no pair');
    for await (const name of exporter.getArtifactNames()) {
      for await (const chunk of exporter.getArtifact(name)) if (chunk.length === 0) throw Error('an empty chunk');
    }
    await exporter.close();
  });
  await step('import', () => importStore(api, from, path.join(dir, 'to')));
};

/** Makes a store of many items for `--large`. */
const makeLarge = async (api, { dir, scale }) => {
  const { kernelStorage, hostStorage } = api.initSwingStore(path.join(dir, 'from'));
  const { transcriptStore } = kernelStorage;
  transcriptStore.initTranscript('v1');
  for (let i = 0; i < (LARGE_ITEM_BYTES * scale) / ITEM_LENGTH; i += 1) {
    transcriptStore.addItem('v1', makeItem(i));
    if (i % LARGE_SPAN === LARGE_SPAN - 1) {
      await transcriptStore.rolloverSpan('v1');
      await hostStorage.commit();
    }
  }
  await hostStorage.commit();
  await hostStorage.close();
};

/** What a child does. */
const work = async job => {
  if (job.implementation === 'reference') await import('@endo/init');
  const api = await import(job.implementation === 'reference' ? '@agoric/swing-store' : '../index.mjs');
  const figures = [];
  /** Resets the peak to the present resident memory, runs a step, and records its peak. */
  const step = async (name, run) => {
    writeFileSync('/proc/self/clear_refs', '5');
    await run();
    figures.push([name, status('VmHWM')]);
  };
  if (job.task === 'make') {
    await makeLarge(api, job);
    return figures;
  }
  await step('loaded', async () => {});
  if (job.task === 'large') await step('import', () => importStore(api, job.from, path.join(job.dir, 'to')));
  else await doEverything(api, step, job);
  globalThis.gc();
  await sleep(500);
  globalThis.gc();
  figures.push(['at the end', status('VmRSS')]);
  return figures;
};

const runChild = job =>
  new Promise((resolve, reject) => {
    const child = fork(program, { execArgv: ['--expose-gc'] });
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', code => reject(Error(`the process ended with ${code}`)));
    child.send(job);
  });

const main = async () => {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      scale: { type: 'string', default: '1' },
      dir: { type: 'string', default: tmpdir() },
      large: { type: 'boolean', default: false },
      runs: { type: 'string', default: '1' },
    },
  });
  const scale = Number(values.scale);
  const implementations = values.only ? [values.only] : ['ours', 'reference'];
  const base = mkdtempSync(path.join(values.dir, 'swing-store-memory-'));
  try {
    const image = path.join(base, 'image');
    const made = path.join(base, 'made');
    if (values.large) {
      await runChild({ task: 'make', implementation: 'ours', dir: made, scale });
    } else {
      const { makeHeapImage } = await import('../bench/lib/heap-image.mjs');
      writeFileSync(image, makeHeapImage(1, Math.floor(IMAGE_BYTES * scale)));
    }
    const columns = implementations.map(() => []);
    for (let run = 0; run < Number(values.runs); run += 1) {
      for (const [i, implementation] of implementations.entries()) {
        const dir = mkdtempSync(path.join(base, 'stores-'));
        const task = values.large ? 'large' : 'everything';
        columns[i].push(await runChild({ task, implementation, dir, from: path.join(made, 'from'), image, scale }));
        rmSync(dir, { recursive: true });
      }
    }
    const rows = columns[0][0].map(([name], i) => ({
      step: name,
      ...Object.fromEntries(
        implementations.map((of, j) => [`${of}, MiB`, Math.round(median(columns[j].map(run => run[i][1])) / MIB)]),
      ),
    }));
    console.table(rows);
  } finally {
    rmSync(base, { recursive: true });
  }
};

if (process.send) {
  process.once('message', async job => {
    process.send(await work(job));
    process.disconnect();
  });
} else {
  await main();
}
