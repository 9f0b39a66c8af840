// Performs steps on the snapshot store. The images come from a small pool, so that hashes recur.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { drain, drainBytes } from '../../common/outcome.mjs';

const facet = ({ store }) => store.kernelStorage.snapStore;
const internal = ({ store }) => store.internal.snapStore;

const noise = (seed, length) => {
  const bytes = Buffer.alloc(length);
  let x = seed + 1;
  for (let i = 0; i < length; i += 1) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
};

export const images = [
  Buffer.alloc(0),
  Buffer.from('a heap'),
  Buffer.from('another heap, with é and \u{1f600}'),
  Buffer.alloc(100_000, 'zero '),
  noise(4, 5_000),
  noise(5, 20_000),
  Buffer.concat([noise(6, 700_000), Buffer.alloc(600_000)]),
];
/** The last image is large, for a small number of sequences. */
export const largeImage = images.length - 1;

// Only images of text can be passed as strings.
const isAscii = image => image.every(byte => byte < 0x80);

export const imageHash = image => createHash('sha256').update(images[image]).digest('hex');

/**
 * @param {Buffer} bytes
 * @param {{ cuts: number[], as: string, source: string }} how `cuts` are positions in thousandths of the size; two equal
 *   ones make an empty chunk
 */
export const chunksOf = (bytes, { cuts, as }) => {
  const ends = [...cuts].sort((a, b) => a - b).map(cut => Math.floor((bytes.length * cut) / 1000));
  const chunks = [];
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    chunks.push(bytes.subarray(start, end));
    start = end;
  }
  const asString = as === 'string' || as === 'mixed';
  return chunks.map((chunk, i) => {
    if (asString && isAscii(bytes) && (as === 'string' || i % 2)) {
      return chunk.toString();
    }
    return as === 'Uint8Array' || (as === 'mixed' && i % 3) ? new Uint8Array(chunk) : chunk;
  });
};

export const streamOf = (chunks, source) => {
  const makers = {
    array: () => chunks,
    *generator() {
      yield* chunks;
    },
    async *asyncGenerator() {
      for (const chunk of chunks) {
        await null;
        yield chunk;
      }
    },
    async *slow() {
      for (const chunk of chunks) {
        await new Promise(resolve => setImmediate(resolve));
        yield chunk;
      }
    },
  };
  return makers[source]();
};

// Times and the compressed size differ.
const tidyResult = result => ({
  ...result,
  compressedSize: typeof result.compressedSize,
  compressSeconds: typeof result.compressSeconds,
  dbSaveSeconds: typeof result.dbSaveSeconds,
  archiveWriteSeconds: typeof result.archiveWriteSeconds,
});

const save = (world, vatID, snapPos, image, how) => {
  const { saveSnapshot } = facet(world);
  const stream = streamOf(chunksOf(images[image], how), how.source);
  return saveSnapshot(vatID, snapPos, stream).then(tidyResult);
};

export const snapshotOperations = {
  saveSnapshot: save,
  /** Saves snapshots of two vats at the same time; their order is not specified. */
  async saveTwo(world, first, second) {
    const one = save(world, ...first);
    if (['throw', 'reject'].includes(world.config.archiveSnapshot)) {
      // Otherwise the result would depend on which one the archiver refuses.
      return [await one, await save(world, ...second)];
    }
    const done = await Promise.all([one, save(world, ...second)]);
    world.events.sort(([, a], [, b]) => (a < b ? -1 : 1));
    return done;
  },
  async loadSnapshot(world, vatID) {
    const { loadSnapshot } = facet(world);
    return drainBytes(loadSnapshot(vatID), world.tidy);
  },
  getSnapshotInfo(world, vatID) {
    const { getSnapshotInfo } = facet(world);
    const info = getSnapshotInfo(vatID);
    return info && { ...info, compressedSize: typeof info.compressedSize };
  },
  stopUsingLastSnapshot(world, vatID) {
    const { stopUsingLastSnapshot } = facet(world);
    return stopUsingLastSnapshot(vatID);
  },
  deleteAllUnusedSnapshots(world) {
    const { deleteAllUnusedSnapshots } = facet(world);
    return deleteAllUnusedSnapshots();
  },
  deleteVatSnapshots(world, vatID, ...budget) {
    const { deleteVatSnapshots } = facet(world);
    return deleteVatSnapshots(vatID, ...budget);
  },
  hasHash(world, vatID, image) {
    const { hasHash } = internal(world);
    return hasHash(vatID, imageHash(image));
  },
  deleteSnapshotByHash(world, vatID, image) {
    const { deleteSnapshotByHash } = internal(world);
    return deleteSnapshotByHash(vatID, imageHash(image));
  },
  listAllSnapshots(world) {
    const { listAllSnapshots } = internal(world);
    const { items, ended } = drain(listAllSnapshots(), world.tidy);
    return {
      items: items.map(row => ({ ...row, compressedSize: typeof row.compressedSize })),
      ended,
    };
  },
  async exportSnapshot(world, name) {
    const { exportSnapshot } = internal(world);
    return drainBytes(exportSnapshot(name), world.tidy);
  },
  importSnapshotRecord(world, key, value) {
    const { importSnapshotRecord } = internal(world);
    return importSnapshotRecord(key, value);
  },
  repairSnapshotRecord(world, key, value) {
    const { repairSnapshotRecord } = internal(world);
    return repairSnapshotRecord(key, value);
  },
  /** Prunes as an external tool does: keeps the record without its image. */
  pruneSnapshot({ store }, vatID, snapPos) {
    const db = store.debug.getDatabase();
    db.prepare('UPDATE snapshots SET compressedSnapshot = NULL WHERE vatID = ? AND snapPos = ?').run(vatID, snapPos);
  },
  falsifyHash({ store }, vatID) {
    const db = store.debug.getDatabase();
    db.prepare(`UPDATE snapshots SET hash = 'no hash' WHERE vatID = ?`).run(vatID);
  },
};
