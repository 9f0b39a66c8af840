/** Loads heap images chunk by chunk. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeByteChecksum } from '../lib/checksum.mjs';
import { snapshots } from '../lib/inputs.mjs';
import { storeIn } from '../lib/paths.mjs';
import { fixed } from '../lib/sizes.mjs';

export const name = 'snapshot-load';
export const goal = 3;
export const stalls = true;
export const input = snapshots;
export const sizes = { ...snapshots.sizes, passes: fixed(2) };
export const unit = 'MB';

/** The vats that have a snapshot to load. */
const vatsOf = ({ internal }) =>
  [...internal.snapStore.listAllSnapshots()].filter(({ inUse }) => inUse).map(({ vatID }) => vatID);

export const limit = {
  what: 'libdeflate decompressing on one thread: no hash, no chunks, no database',
  prepare: async ({ api, input: from, sizes: { passes }, plan }) => {
    const swingStore = api.openSwingStore(storeIn(from));
    const vats = vatsOf(swingStore);
    let bytes = 0;
    for (const vatID of vats) {
      const chunks = [];
      for await (const chunk of swingStore.kernelStorage.snapStore.loadSnapshot(vatID)) chunks.push(chunk);
      const image = Buffer.concat(chunks);
      bytes += image.length;
      await writeFile(path.join(plan, `${vatID}.gz`), gzipSync(image, { level: 6 }));
    }
    await swingStore.hostStorage.close();
    const command = ['inflate', String(passes), ...vats.map(vatID => `plan:${vatID}.gz`)];
    return { command, hash: bytes * passes };
  },
};

export const run = async ({ api, store, sizes: { passes }, measure }) => {
  const swingStore = api.openSwingStore(store);
  const { loadSnapshot, getSnapshotInfo } = swingStore.kernelStorage.snapStore;
  const vats = vatsOf(swingStore);
  const checksum = makeByteChecksum();
  await measure(async () => {
    for (let pass = 0; pass < passes; pass += 1) {
      for (const vatID of vats) {
        for await (const chunk of loadSnapshot(vatID)) checksum.add(chunk);
      }
    }
  });
  // The stores check loaded images against these hashes.
  const hashes = vats.map(vatID => getSnapshotInfo(vatID).hash);
  await swingStore.hostStorage.close();
  const { length, sum } = checksum.result();
  return { work: { length, sum, hashes }, units: length / 1e6 };
};
