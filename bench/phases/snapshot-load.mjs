/** Heap images out of the store, chunk by chunk. */
import { makeByteChecksum } from '../lib/checksum.mjs';
import { makeSnapshots, vatIDs } from '../lib/inputs.mjs';

export const name = 'snapshot-load';
export const goal = 3;
export const stalls = true;
export const prepare = makeSnapshots;

const vats = vatIDs.slice(0, 10);
const passes = 2;

export const run = async ({ api, store, measure }) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(store);
  const { loadSnapshot, getSnapshotInfo } = kernelStorage.snapStore;
  const checksum = makeByteChecksum();
  await measure(async () => {
    for (let pass = 0; pass < passes; pass += 1) {
      for (const vatID of vats) {
        for await (const chunk of loadSnapshot(vatID)) checksum.add(chunk);
      }
    }
  });
  // The stores check what they load against these.
  const hashes = vats.map(vatID => getSnapshotInfo(vatID).hash);
  await hostStorage.close();
  return { work: { ...checksum.result(), hashes } };
};
