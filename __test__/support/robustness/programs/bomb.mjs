// Passes one decompression bomb (arguments: KIND MIB) to a store. Prints the outcome and the peak growth of the process in
// MiB.
import '@endo/init/debug.js';

import { Buffer } from 'node:buffer';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { crc32, gzipSync } from 'node:zlib';
import {
  exportSwingStoreToDirectory,
  importSwingStore,
  importSwingStoreFromDirectory,
  initSwingStore,
  makeSwingStoreExporter,
  openSwingStore,
  repopulateSwingStoreFromDirectory,
  verifySwingStore,
} from '../../../../index.mjs';

const [kind, size] = [process.argv[2], Number(process.argv[3])];
const MIB = 2 ** 20;
const base = mkdtempSync(path.join(tmpdir(), 'swing-store-bomb-'));
const [source, archive] = ['source', 'archive'].map(name => path.join(base, name));

/** Compressed zeros of a number of MiB, in consecutive gzip members of 16 MiB. */
const gzipOfZeros = mib => Buffer.concat(Array(mib / 16).fill(gzipSync(Buffer.alloc(16 * MIB))));

/** A zip file that lists the same MiB of zeros many times and contains it once. */
const zipOfOverlaps = mib => {
  const content = Buffer.alloc(MIB);
  const header = Buffer.alloc(26);
  header.writeUInt16LE(10, 0);
  header.writeUInt32LE(crc32 ? crc32(content) : 0xa738ea1c, 10);
  header.writeUInt32LE(MIB, 14);
  header.writeUInt32LE(MIB, 18);
  header.writeUInt16LE(1, 22);
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x0a\x03'), header, Buffer.alloc(14), Buffer.from('a')]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(mib, 8);
  end.writeUInt16LE(mib, 10);
  end.writeUInt32LE(central.length * mib, 12);
  end.writeUInt32LE(MIB + 31, 16);
  return Buffer.concat([
    Buffer.from('PK\x03\x04'),
    header,
    Buffer.from('a'),
    content,
    ...Array(mib).fill(central),
    end,
  ]);
};

/** A stream that repeats one MiB and counts the reads. */
let asked = 0;
const stream = async function* stream(text, mib = Infinity) {
  const chunk = Buffer.from(text.repeat(MIB / text.length));
  while (asked < mib) {
    asked += 1;
    yield chunk;
  }
};

const makeStore = async () => {
  const { kernelStorage, hostStorage } = initSwingStore(source, { keepSnapshots: true });
  const { transcriptStore, snapStore } = kernelStorage;
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', 'one');
  await snapStore.saveSnapshot('v1', 1, [Buffer.from('image')]);
  await transcriptStore.rolloverIncarnation('v1');
  transcriptStore.addItem('v1', 'two');
  await hostStorage.commit();
  await hostStorage.close();
};

/** Imports the store with one artifact replaced, or with an additional bundle. */
const importWith = async (name, makeStream) => {
  const exporter = makeSwingStoreExporter(source, { artifactMode: 'debug' });
  const isBundle = name.startsWith('bundle.');
  const spoiled = {
    ...exporter,
    async *getExportData() {
      yield* exporter.getExportData();
      if (isBundle) yield [name, name.slice('bundle.'.length)];
    },
    async *getArtifactNames() {
      yield* exporter.getArtifactNames();
      if (isBundle) yield name;
    },
    getArtifact: other => (other === name ? makeStream() : exporter.getArtifact(other)),
  };
  try {
    const { hostStorage } = await importSwingStore(spoiled, null, { artifactMode: 'debug' });
    await hostStorage.close();
  } finally {
    // The import may have called it.
    await exporter.close().catch(() => {});
  }
};

/** Changes the store with SQL. */
const change = async (...statements) => {
  const { hostStorage, internal } = openSwingStore(source, { keepSnapshots: true });
  for (const statement of statements) internal.db.prepare(statement).run();
  await hostStorage.commit();
  await hostStorage.close();
};

/** Repopulates the store from an archive with a file that decompresses to more than its record says. */
const repopulateFrom = async file => {
  await change('DELETE FROM transcriptItems WHERE incarnation = 0', 'UPDATE snapshots SET compressedSnapshot = NULL');
  mkdirSync(archive);
  writeFileSync(path.join(archive, file), gzipOfZeros(size));
  const { refusedCount, refused } = await repopulateSwingStoreFromDirectory(archive, source, { artifactMode: 'debug' });
  if (refusedCount) throw Error(refused[0].reason);
};

/** Imports a compressed export with a file that decompresses to more than its record says. */
const importBomb = async name => {
  await exportSwingStoreToDirectory(source, archive, { artifactMode: 'debug', compress: true });
  writeFileSync(path.join(archive, `${name}.gz`), gzipOfZeros(size));
  const { hostStorage } = await importSwingStoreFromDirectory(archive, path.join(base, 'imported'));
  await hostStorage.close();
};

const kinds = {
  'a gzip bomb as a snapshot of an export': () => importBomb('snapshot.v1.1'),
  'a gzip bomb as a transcript of an export': () => importBomb('transcript.v1.0.1'),
  'a gzip bomb as a snapshot of an archive': () => repopulateFrom('snapshot.v1.1.gz'),
  'a gzip bomb as a transcript of an archive': () => repopulateFrom('transcript.v1.0.1.gz'),
  'an overlapping zip': () => {
    const bytes = zipOfOverlaps(size);
    const id = `b1-${createHash('sha512').update('x').digest('hex')}`;
    return importWith(`bundle.${id}`, () => [bytes]);
  },
  'a transcript without a newline': () => importWith('transcript.v1.0.1', () => stream('x', size)),
  'a transcript without an end': () => importWith('transcript.v1.0.1', () => stream('x'.repeat(1023) + '\n')),
  'a bundle without an end': () => importWith(`bundle.b0-${'0'.repeat(64)}`, () => stream('x')),
  'a snapshot that is another and large': () => importWith('snapshot.v1.1', () => stream('x', size)),
  'a gzip bomb in the database': async () => {
    const { kernelStorage, hostStorage, internal } = openSwingStore(source, { keepSnapshots: true });
    internal.db.prepare('UPDATE snapshots SET compressedSnapshot = ?').run(gzipOfZeros(size));
    await hostStorage.commit();
    const report = await verifySwingStore(source);
    if (report.ok) throw Error('it was not found');
    for await (const chunk of kernelStorage.snapStore.loadSnapshot('v1')) asked += chunk.length / MIB;
  },
};

try {
  await makeStore();
  const before = process.memoryUsage.rss();
  let refusal = null;
  await kinds[kind]().catch(error => {
    refusal = error.message;
  });
  // maxRSS is in KiB.
  const grown = Math.round((process.resourceUsage().maxRSS * 1024 - before) / MIB);
  console.log(JSON.stringify({ refusal, grown, asked: Math.round(asked) }));
} finally {
  rmSync(base, { recursive: true, force: true });
}
