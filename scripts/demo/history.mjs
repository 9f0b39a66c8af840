/** Makes a store with a history like a kernel's: vats, deliveries in cranks, snapshots, an upgrade, blocks. */
import { createHash } from 'node:crypto';
import { makeArchiveBundle } from './archive.mjs';

const vats = 6;
const blocks = 40;
const cranksPerBlock = 12;
const blocksPerSpan = 5;
const imageBytes = 3_000_000;

/** A pseudo-random generator with a fixed seed, so that every run makes the same store. */
const makeRandom = seed => {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

/** Makes a heap image, partly noise and partly repetition, so that it compresses about as well as a real one. */
async function* heapImage(random) {
  const chunkBytes = 100_000;
  for (let start = 0; start < imageBytes; start += chunkBytes) {
    const chunk = Buffer.alloc(chunkBytes, 'slot of a heap ');
    for (let at = 0; at + 4 <= chunkBytes; at += 20) chunk.writeUInt32LE(random(2 ** 32), at);
    yield chunk;
  }
}

const addBundles = ({ addBundle }) => {
  const source = 'function getExport() { return harden({ start: () => "hello" }); }\n';
  const script = { moduleFormat: 'nestedEvaluate', source: source.repeat(500), sourceMap: '' };
  addBundle(`b0-${createHash('sha256').update(JSON.stringify(script)).digest('hex')}`, script);
  for (const name of ['wallet', 'auction']) {
    const { bundleID, bundle } = makeArchiveBundle(name, { name, lines: Array(3000).fill(`part of ${name}`) });
    addBundle(bundleID, bundle);
  }
};

/**
 * @param {object} swingStore the package that makes the store
 * @param {string} storeDir the store's directory
 * @param {(done: number, of: number) => void} onProgress called after each block
 * @returns {Promise<{ vats: number, blocks: number }>} the numbers of vats and blocks
 */
export const makeHistory = async ({ initSwingStore }, storeDir, onProgress) => {
  const { kernelStorage, hostStorage } = initSwingStore(storeDir);
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  const { startCrank, establishCrankSavepoint, rollbackCrank, emitCrankHashes, endCrank } = kernelStorage;
  const random = makeRandom(1);

  addBundles(bundleStore);
  const vatIDs = Array.from({ length: vats }, (_, n) => `v${n + 1}`);
  /** Adds a transcript item: a delivery to the vat and its result. */
  const add = (vatID, ...d) => transcriptStore.addItem(vatID, JSON.stringify({ d, sc: [], r: { status: 'ok' } }));
  for (const vatID of vatIDs) {
    transcriptStore.initTranscript(vatID);
    add(vatID, 'initialize-worker', { vatID });
  }

  const deliver = (vatID, block, crank) => {
    startCrank();
    establishCrankSavepoint('start');
    const someKey = () => `${vatID}.vs.vom.o+${random(700)}`;
    for (let n = 0; n < 8; n += 1) kvStore.set(someKey(), `{"block":${block},"note":"größer"}`);
    kvStore.delete(someKey());
    add(vatID, 'message', `o+${crank}`, { methargs: 'x'.repeat(random(2000)) });
    // Some deliveries are rolled back.
    if (random(20) === 0) rollbackCrank('start');
    emitCrankHashes();
    endCrank();
  };

  const endSpan = async vatID => {
    add(vatID, 'save-snapshot');
    const { endPos } = transcriptStore.getCurrentSpanBounds(vatID);
    const { hash } = await snapStore.saveSnapshot(vatID, endPos, heapImage(random));
    await transcriptStore.rolloverSpan(vatID);
    add(vatID, 'load-snapshot', { snapshotID: hash });
  };

  const upgrade = async vatID => {
    add(vatID, 'shutdown-worker');
    snapStore.stopUsingLastSnapshot(vatID);
    await transcriptStore.rolloverIncarnation(vatID);
    add(vatID, 'initialize-worker', { vatID });
  };

  for (let block = 1; block <= blocks; block += 1) {
    for (let crank = 0; crank < cranksPerBlock; crank += 1) deliver(vatIDs[random(vats)], block, crank);
    // Saves snapshots of the vats in turn.
    if (block % blocksPerSpan === 0) {
      const turn = (block / blocksPerSpan) % 2;
      for (const [n, vatID] of vatIDs.entries()) if (n % 2 === turn) await endSpan(vatID);
    }
    if (block === blocks / 2) await upgrade('v2');
    hostStorage.kvStore.set('host.height', String(block));
    await hostStorage.commit();
    onProgress(block, blocks);
  }
  await hostStorage.close();
  return { vats, blocks };
};
