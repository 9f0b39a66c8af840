// Readers of a store while a kernel runs on it, of different kinds and speeds. They check that an export matches the export
// data of one block, as the kernel's `exportCallback` received it, and that artifacts match their records.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  exportSwingStoreToDirectory,
  importSwingStoreFromDirectory,
  makeSwingStoreExporter,
  openSwingStoreHistory,
  pruneSwingStore,
  verifySwingStore,
} from '../../../index.mjs';

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

/** A digest of export data, independent of its order. */
export const digestOf = records => sha256(JSON.stringify([...records].sort(([a], [b]) => (a < b ? -1 : 1))));

const expect = (condition, what) => {
  if (!condition) throw Error(what);
};

const spanHash = text =>
  text
    .split('\n')
    .slice(0, -1)
    .reduce((hash, item) => sha256(hash, sha256(item)), sha256('start of transcript span'));

/** Fails unless an artifact's bytes match the export data. */
const checkArtifact = (name, bytes, records) => {
  const [kind, ...parts] = name.split('.');
  if (kind === 'bundle') return;
  const record = records.get(`${kind}.${parts[0]}.${parts[1]}`) ?? records.get(`${kind}.${parts[0]}.current`);
  const hash = kind === 'snapshot' ? sha256(bytes) : spanHash(bytes.toString());
  expect(JSON.parse(record).hash === hash, `${name} is not what its record says`);
};

/** Reads a whole export slowly. */
const exportSlowly = async ({ dir, digests, blocks, random }) => {
  const exporter = makeSwingStoreExporter(dir, { artifactMode: random.pick(['operational', 'debug']) });
  const height = Number(exporter.getHostKV('host.height'));
  const records = new Map();
  for await (const [key, value] of exporter.getExportData()) {
    records.set(key, value);
    if (random.below(100) === 0) await blocks(1);
  }
  expect(digestOf(records) === digests.get(height), `the export of block ${height} is not what the callback was told`);
  for await (const name of exporter.getArtifactNames()) {
    const chunks = [];
    for await (const chunk of exporter.getArtifact(name)) chunks.push(chunk);
    checkArtifact(name, Buffer.concat(chunks), records);
    if (random.below(4) === 0) await blocks(1);
  }
  await exporter.close();
};

/** Begins to read and drops the exporter. */
const exportAbandoned = async ({ dir, blocks, random }) => {
  const exporter = makeSwingStoreExporter(dir, { artifactMode: 'debug' });
  const data = exporter.getExportData();
  await data.next();
  const names = [];
  for await (const name of exporter.getArtifactNames()) names.push(name);
  await exporter.getArtifact(random.pick(names)).next();
  data.next();
  exporter
    .getArtifact(random.pick(names))
    .next()
    .catch(() => {});
  await blocks(random.below(5));
};

/** Closes the exporter during a read. */
const exportCut = async ({ dir, blocks, random }) => {
  const exporter = makeSwingStoreExporter(dir);
  const data = exporter.getExportData();
  await data.next();
  await blocks(random.below(5));
  await exporter.close();
  const told = await data.next().then(
    () => 'nothing',
    error => error.message,
  );
  expect(told === 'The database connection is not open', `a closed exporter's iterator said: ${told}`);
};

let exports = 0;

/** Exports to a directory, imports it, and compares; or aborts. */
const exportDirectory = async ({ base, dir, digests, random, blocks }) => {
  const to = path.join(base, `export-${(exports += 1)}`);
  const signal = random.below(4) === 0 ? AbortSignal.timeout(random.below(30)) : undefined;
  try {
    const { blockHeight } = await exportSwingStoreToDirectory(dir, to, { signal });
    await blocks(random.below(3));
    const { hostStorage } = await importSwingStoreFromDirectory(to, `${to}-store`);
    await hostStorage.commit();
    await hostStorage.close();
    const exporter = makeSwingStoreExporter(`${to}-store`);
    const records = [];
    for await (const record of exporter.getExportData()) records.push([...record]);
    await exporter.close();
    expect(
      digestOf(records) === digests.get(blockHeight),
      `the directory of block ${blockHeight} is not what the callback was told`,
    );
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error;
    expect(!fs.existsSync(path.join(to, 'export-manifest.json')), 'an export that was aborted looks whole');
  }
  fs.rmSync(to, { recursive: true, force: true });
  fs.rmSync(`${to}-store`, { recursive: true, force: true });
};

/** Reads a vat's history slowly, and closes it at the end, before the end, or never. */
const readHistory = async ({ dir, blocks, random }) => {
  const history = openSwingStoreHistory(dir);
  const vats = await history.listVats({ sizes: true });
  const { vatID } = random.pick(vats);
  await history.listSpans(vatID).catch(() => {});
  const ending = random.pick(['whole', 'leave', 'close', 'forget']);
  let read = 0;
  for await (const { item } of history.readItems(vatID, { skipMissing: true })) {
    JSON.parse(item);
    read += 1;
    if (random.below(50) === 0) await blocks(1);
    if (read > 30 && ending !== 'whole') break;
  }
  if (ending === 'close')
    history
      .readItems(vatID, { skipMissing: true })
      .next()
      .catch(() => {});
  if (ending !== 'forget') await history.close();
};

const prune = async ({ dir, random }) => {
  await pruneSwingStore(dir, { keep: random.pick(['operational', 'replay']), budget: 1 + random.below(50) });
};

const verify = async ({ dir, random }) => {
  const report = await verifySwingStore(dir, { artifactMode: 'debug', integrityCheck: random.below(4) === 0 });
  // A large span that is being pruned is incomplete for a while.
  const findings = report.findings.filter(({ kind }) => kind !== 'span-half-pruned');
  expect(findings.length === 0, `verify has found: ${JSON.stringify(findings.slice(0, 3))}`);
};

/** The readers, and one pruner; frequent ones occur several times. */
export const readers = {
  exportSlowly,
  exportAbandoned,
  exportCut,
  exportDirectory,
  readHistory,
  prune,
  verify,
};
