/** Reads the recorded calls of a real kernel, which `../data/README.md` describes. */
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

const traceFile = new URL('../data/kernel-trace.jsonl.br', import.meta.url);

/** @returns {[string, ...any[]][]} functions with their arguments */
export const readTrace = () =>
  brotliDecompressSync(readFileSync(traceFile))
    .toString()
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));

/** The transcript items in the recording, parsed. */
export const recordedItems = () =>
  readTrace()
    .filter(([fn]) => fn === 't.addItem')
    .map(([, , item]) => JSON.parse(item));

/** Compressed bytes for each byte of a heap image, and for each character of a bundle's archive in base64. */
const imageRatio = 0.24;
const archiveRatio = 0.75;

const sql = {
  set: 'INSERT INTO kvStore (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  remove: 'DELETE FROM kvStore WHERE key = ?',
  item: 'INSERT INTO transcriptItems (vatID, position, item, incarnation) VALUES (?, ?, ?, ?)',
  span: `INSERT INTO transcriptSpans (vatID, startPos, endPos, hash, isCurrent, incarnation) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET endPos = excluded.endPos, hash = excluded.hash, isCurrent = excluded.isCurrent`,
  endSnapshot: 'UPDATE snapshots SET inUse = NULL, compressedSnapshot = NULL WHERE inUse = 1 AND vatID = ?',
  snapshot: `INSERT INTO snapshots (vatID, snapPos, inUse, hash, uncompressedSize, compressedSize, compressedSnapshot)
    VALUES (?, ?, 1, ?, ?, ?, ?)`,
  bundle: 'INSERT INTO bundles (bundleID, bundle) VALUES (?, ?)',
};

/** Stands for a hash, which has as many characters. */
const anyHash = '0123456789abcdef'.repeat(4);

/**
 * The steps of a plan for each block: what SQLite has to write if everything that a block changes repeatedly is written
 * once. Deletions of a terminated vat, which are few, are left out.
 *
 * @param {ReturnType<typeof readTrace>} trace
 * @param {number} scale of the images
 * @returns {any[][][]}
 */
export const netChanges = (trace, scale) => {
  const blocks = [];
  const stored = new Set();
  /** The current span of each vat. */
  const spans = new Map();
  let entries = new Map();
  let dirty = new Map();
  let steps = [];

  const write = span => dirty.set(`${span.vatID} ${span.start}`, span);
  const begin = (vatID, start, incarnation) => {
    const span = { vatID, start, end: start, incarnation, isCurrent: 1 };
    spans.set(vatID, span);
    write(span);
  };
  const end = vatID => {
    const span = spans.get(vatID);
    span.isCurrent = null;
    write(span);
    return span;
  };
  /** @type {Record<string, (...args: any[]) => void>} */
  const effects = {
    set: (key, value) => entries.set(key, value),
    'h.set': (key, value) => entries.set(key, value),
    delete: key => entries.set(key, null),
    'c.emitCrankHashes': () => entries.set('activityhash', anyHash),
    't.initTranscript': vatID => begin(vatID, 0, 0),
    't.addItem': (vatID, item) => {
      const span = spans.get(vatID);
      steps.push([sql.item, vatID, span.end, item, span.incarnation]);
      span.end += 1;
      write(span);
    },
    't.rolloverSpan': vatID => {
      const { end: start, incarnation } = end(vatID);
      begin(vatID, start, incarnation);
    },
    't.rolloverIncarnation': vatID => {
      const { end: start, incarnation } = end(vatID);
      begin(vatID, start, incarnation + 1);
    },
    't.stopUsingTranscript': end,
    's.stopUsingLastSnapshot': vatID => steps.push([sql.endSnapshot, vatID]),
    's.saveSnapshot': (vatID, position, size) => {
      const bytes = Math.round(size * scale);
      const zeros = Math.round(bytes * imageRatio);
      steps.push([sql.endSnapshot, vatID], [sql.snapshot, vatID, position, anyHash, bytes, zeros, { zeros }]);
    },
    'b.addBundle': (bundleID, bundle) => {
      const { endoZipBase64 } = bundle;
      const contents = endoZipBase64
        ? { zeros: Math.round(endoZipBase64.length * archiveRatio) }
        : JSON.stringify(bundle);
      steps.push([sql.bundle, bundleID, contents]);
    },
    commit: () => {
      const byKey = [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const [key, value] of byKey) {
        if (value !== null) steps.push([sql.set, key, value]);
        else if (stored.has(key)) steps.push([sql.remove, key]);
        if (value !== null) stored.add(key);
        else stored.delete(key);
      }
      for (const { vatID, start, end: endPos, isCurrent, incarnation } of dirty.values()) {
        steps.push([sql.span, vatID, start, endPos, anyHash, isCurrent, incarnation]);
      }
      blocks.push(steps);
      [entries, dirty, steps] = [new Map(), new Map(), []];
    },
  };
  for (const [fn, ...args] of trace) effects[fn]?.(...args);
  return blocks;
};
