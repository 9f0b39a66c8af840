// Makes the store for the documentation's examples: a chain of 230 blocks with nine vats, small and always the same.
import { Buffer } from 'node:buffer';
import { makeB0, makeB1 } from '../common/bundles.mjs';
import { addVat, items } from '../common/history-store.mjs';

/** A pseudo-random generator with a fixed seed. */
const makeRandom = seed => {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

/** Makes a heap image that compresses about as well as a real one. */
async function* makeImage(seed, size) {
  const random = makeRandom(seed);
  const bytes = Buffer.alloc(size, 'slot of a heap ');
  for (let at = 0; at + 4 <= size; at += 20) bytes.writeUInt32LE(random(2 ** 32), at);
  yield bytes;
}

const lockdown = makeB0(`() => { ${'lockdown(); '.repeat(400)}}`);
const supervisor = makeB0(`() => { ${'dispatch(); '.repeat(900)}}`);
const vatBundles = Object.fromEntries(
  ['bootstrap', 'vatAdmin', 'comms', 'vattp', 'timer', 'wallet', 'auction', 'worker'].map(name => [
    name,
    makeB1(JSON.stringify({ name, code: `// ${name}\n`.repeat(500) })),
  ]),
);

const workerOptions = { type: 'xsnap', bundleIDs: [lockdown.id, supervisor.id] };

/** Makes a delivery: an incarnation's first starts the vat, a span's last collects garbage, all others are messages. */
const makeDelivery =
  random =>
  ({ span, number, of, position }) => {
    if (span === 0 && number === 0) return items.delivery(['startVat', { body: '#[]', slots: [] }], 15);
    if (number === of - 1) return items.delivery(['bringOutYourDead'], 0);
    const methargs = { body: `#["deposit",["+${position}"]]`, slots: [] };
    return items.delivery(['message', `o+${random(90)}`, { methargs, result: `p-${position}` }], random(30));
  };

/** For each vat: its name, its bundle in each incarnation, and the number of deliveries in each span. */
const vats = {
  v1: ['bootstrap', ['bootstrap'], [[3, ...Array(21).fill(25), 5]]],
  v2: ['vatAdmin', ['vatAdmin'], [[3, 25, 4]]],
  v4: ['vattp', ['vattp'], [[1]]],
  v5: ['timer', ['timer'], [[1]]],
  v6: [
    '',
    ['wallet', 'auction', 'wallet'],
    [
      [3, 25, 9],
      [3, 15],
      [3, 25, 2],
    ],
  ],
  v7: [
    '',
    ['auction', 'auction'],
    [
      [3, 25, 24],
      [3, 25, 3],
    ],
  ],
  v8: ['', ['wallet'], [[3, 25, 25, 25, 3]]],
  v9: ['', ['wallet'], [[3, 25, 25, 25, 3]]],
};

const addKeys = ({ kvStore }) => {
  const names = Object.entries(vats).filter(([, [name]]) => name);
  kvStore.set('vat.names', JSON.stringify([...names.map(([, [name]]) => name), 'comms']));
  for (const [vatID, [name]] of names) kvStore.set(`vat.name.${name}`, vatID);
  kvStore.set('vat.name.comms', 'v3');
  kvStore.set('vat.dynamicIDs', '["v6","v7","v8","v9"]');
  kvStore.set('vats.terminated', '[]');
  kvStore.set('runQueue', '[809,809]');
  kvStore.set('initialized', 'true');
  kvStore.set('local.kernelStats', '{}');
  kvStore.set('namedBundleID.worker', vatBundles.worker.id);
  for (let n = 0; n < 1000; n += 1) kvStore.set(`v1.vs.vc.${n % 7}.r${n}`, `{"body":"#${n}","slots":[]}`);
};

/**
 * @param {object} api the package that makes the store
 * @param {string} dir the store's directory
 */
export const makeExample = async ({ initSwingStore, openSwingStore }, dir) => {
  const random = makeRandom(1);
  let { kernelStorage, hostStorage } = initSwingStore(dir);
  for (const { id, bundle } of [lockdown, supervisor, ...Object.values(vatBundles)]) {
    kernelStorage.bundleStore.addBundle(id, bundle);
  }
  kernelStorage.startCrank();
  addKeys(kernelStorage);
  kernelStorage.transcriptStore.initTranscript('v3');
  kernelStorage.kvStore.set('v3.o.nextID', '1');
  kernelStorage.kvStore.set('v3.source', JSON.stringify({ bundleID: vatBundles.comms.id }));
  kernelStorage.kvStore.set('v3.options', JSON.stringify({ workerOptions: { type: 'local' } }));
  const addVats = async vatIDs => {
    for (const vatID of vatIDs) {
      const [, names, incarnations] = vats[vatID];
      await addVat(kernelStorage, vatID, incarnations, {
        options: () => ({ workerOptions }),
        bundleIDs: names.map(name => vatBundles[name].id),
        delivery: makeDelivery(random),
        image: (_, position) => makeImage(1000 * Number(vatID.slice(1)) + position, 48_000 + 100 * position),
      });
    }
  };
  await addVats(['v1', 'v2', 'v4', 'v5', 'v6', 'v7']);
  kernelStorage.emitCrankHashes();
  kernelStorage.endCrank();
  await hostStorage.commit();
  await hostStorage.close();

  // The vats whose old images are kept.
  ({ kernelStorage, hostStorage } = openSwingStore(dir, { keepSnapshots: true }));
  kernelStorage.startCrank();
  await addVats(['v8', 'v9']);
  kernelStorage.emitCrankHashes();
  kernelStorage.endCrank();
  hostStorage.kvStore.set('host.height', '230');
  await hostStorage.commit();
  await hostStorage.close();
};
