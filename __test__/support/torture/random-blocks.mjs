// Blocks for a kernel that is killed repeatedly. A block depends only on its height, a seed, and the store's answers, so
// that the same blocks always make the same store. Vats are created and deleted, so that a store does not grow forever.
import { Buffer } from 'node:buffer';
import { makeRandom } from '../../../bench/lib/random.mjs';
import { bundles } from '../common/bundles.mjs';

const SLOTS = 4;

const item = (height, i, below) =>
  JSON.stringify({ d: ['message', `o+${i}`, { height, text: 'é\u{1f600}' }], sc: [], x: 'x'.repeat(below(3000)) });

/** The vat in a slot; creates one if there is none. */
const vatIn = ({ kvStore, transcriptStore }, slot) => {
  const known = kvStore.get(`slot.${slot}`);
  if (known) return known;
  const vatID = `v${kvStore.get('vat.nextID') ?? 1}`;
  kvStore.set('vat.nextID', `${Number(vatID.slice(1)) + 1}`);
  kvStore.set(`slot.${slot}`, vatID);
  transcriptStore.initTranscript(vatID);
  transcriptStore.addItem(vatID, JSON.stringify({ d: ['initialize-worker'] }));
  return vatID;
};

/** Events of a vat after some of its deliveries. */
const fates = [
  async ({ transcriptStore, snapStore }, vatID, height, below) => {
    const { endPos } = transcriptStore.getCurrentSpanBounds(vatID);
    transcriptStore.addItem(vatID, JSON.stringify({ d: ['save-snapshot'] }));
    const image = Buffer.alloc(20_000 + below(200_000), `image ${height} `);
    image.writeUInt32LE(below(2 ** 32), below(10_000));
    const { hash } = await snapStore.saveSnapshot(vatID, endPos, [image]);
    await transcriptStore.rolloverSpan(vatID);
    transcriptStore.addItem(vatID, JSON.stringify({ d: ['load-snapshot', { snapshotID: hash }] }));
  },
  async ({ transcriptStore, snapStore }, vatID) => {
    transcriptStore.addItem(vatID, JSON.stringify({ d: ['shutdown-worker'] }));
    snapStore.stopUsingLastSnapshot(vatID);
    await transcriptStore.rolloverIncarnation(vatID);
    transcriptStore.addItem(vatID, JSON.stringify({ d: ['initialize-worker'] }));
  },
  async ({ kvStore, transcriptStore, snapStore }, vatID, height, below, slot) => {
    snapStore.stopUsingLastSnapshot(vatID);
    await transcriptStore.stopUsingTranscript(vatID);
    kvStore.delete(`slot.${slot}`);
    kvStore.set('terminated', JSON.stringify([...JSON.parse(kvStore.get('terminated') ?? '[]'), vatID]));
  },
];

/** Deletes a part of the terminated vats' data. */
const deleteSlowly = ({ kvStore, transcriptStore, snapStore }) => {
  const [vatID, ...others] = JSON.parse(kvStore.get('terminated') ?? '[]');
  if (!vatID) return;
  const items = transcriptStore.deleteVatTranscripts(vatID, 5);
  const images = snapStore.deleteVatSnapshots(vatID, 5);
  if (items.done && images.done) kvStore.set('terminated', JSON.stringify(others));
};

const crank = async (kernelStorage, height, i, below, told) => {
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  kernelStorage.startCrank();
  kernelStorage.establishCrankSavepoint('deliver');
  const slot = below(SLOTS);
  const vatID = vatIn(kernelStorage, slot);
  for (let n = below(4); n >= 0; n -= 1) transcriptStore.addItem(vatID, item(height, i, below));
  for (let n = below(30); n >= 0; n -= 1) {
    const key = `${below(5) ? '' : 'local.'}vat.${below(5)}.${below(60)}`;
    if (below(4)) kvStore.set(key, `${height} ${'y'.repeat(below(300))}`);
    else kvStore.delete(key);
  }
  if (below(5) === 0) {
    kernelStorage.rollbackCrank('deliver');
    kvStore.set('aborted', `${height}.${i}`);
  } else if (below(6) === 0) {
    const fate = fates[below(fates.length)];
    await fate(kernelStorage, vatID, height, below, slot);
  }
  if (below(20) === 0) {
    const { id, bundle } = [bundles.b0a, bundles.b0b, bundles.b1a][below(3)];
    if (bundleStore.hasBundle(id)) bundleStore.deleteBundle(id);
    else bundleStore.addBundle(id, bundle);
  }
  if (below(40) === 0 && !told) snapStore.deleteAllUnusedSnapshots();
  deleteSlowly(kernelStorage);
  const hashes = kernelStorage.emitCrankHashes();
  kernelStorage.endCrank();
  return hashes;
};

/**
 * Runs the block of a height up to its commit. Returns the hashes of its cranks.
 *
 * With `told`, omits changes that the reference does not report to `exportCallback`, such as `deleteAllUnusedSnapshots`.
 */
export const runBlock = async ({ kernelStorage, hostStorage }, seed, height, { told = false } = {}) => {
  const { below } = makeRandom(Math.imul(seed + 1, 2654435761) ^ Math.imul(height + 1, 40503));
  hostStorage.kvStore.set('host.height', `${height}`);
  const hashes = [];
  for (let i = below(5); i >= 0; i -= 1) hashes.push(await crank(kernelStorage, height, i, below, told));
  return hashes;
};

/** The height of a store's last commit; 0 for a new store. */
export const heightOf = ({ hostStorage }) => Number(hostStorage.kvStore.get('host.height') ?? 0);
