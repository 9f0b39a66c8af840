// Makes a store with a kernel's history: pseudo-deliveries at the ends of spans, incarnations, vats of every kind.
import { bundles } from './bundles.mjs';

const item = (d, r = { status: 'ok' }) => JSON.stringify({ d, sc: [], r });

export const workerOptions = { type: 'xsnap', bundleIDs: [bundles.b0a.id] };

/** Makes the items of a vat: `initialize-worker`, deliveries, and other pseudo-deliveries. */
export const items = {
  initialize: (bundleID = bundles.b1a.id, options = workerOptions) =>
    item(['initialize-worker', { source: { bundleID }, workerOptions: options }]),
  load: snapshotID => item(['load-snapshot', { snapshotID }]),
  save: snapshotID => item(['save-snapshot'], { status: 'ok', snapshotID }),
  shutdown: () => item(['shutdown-worker']),
  delivery: (d, syscalls) =>
    JSON.stringify({
      d,
      sc: Array.from({ length: syscalls }, (_, n) => ({ s: ['vatstoreGet', `vom.o+${n}`], r: ['ok', null] })),
      r: { status: 'ok', metering: { computrons: 1000 * syscalls + 364 } },
    }),
  message: text => item(['message', 'o+0', { methargs: text }]),
};

async function* image(text) {
  yield Buffer.from(`heap of ${text} `.repeat(100));
}

/** The vats of this store: all have the same bundle, deliveries of messages, and small images. */
const plain = {
  options: vatID => ({ workerOptions, name: `name of ${vatID}` }),
  bundleIDs: [bundles.b1a.id],
  delivery: ({ position }) => items.message(`é ${position}`),
  image: (vatID, position) => image(`${vatID} ${position}`),
};

/**
 * Adds a vat with its transcript, given the number of deliveries in each span of each incarnation. Saves a snapshot
 * between two spans.
 *
 * @param {object} kernelStorage
 * @param {string} vatID
 * @param {number[][]} incarnations
 * @param {object} [how]
 * @param {(vatID: string) => { workerOptions: object }} how.options the vat's options
 * @param {string[]} how.bundleIDs its bundle in each incarnation; the last one is that of all later incarnations
 * @param {(place: { span: number, number: number, of: number, position: number }) => string} how.delivery makes an item,
 *   given its span in the incarnation, its number among the span's deliveries, and its position
 * @param {(vatID: string, position: number) => AsyncIterable<Uint8Array>} how.image makes a heap image
 */
export const addVat = async ({ kvStore, transcriptStore, snapStore }, vatID, incarnations, how = plain) => {
  const { bundleIDs } = how;
  const options = how.options(vatID);
  const bundleOf = number => bundleIDs[Math.min(number, bundleIDs.length - 1)];
  kvStore.set(`${vatID}.o.nextID`, '50');
  kvStore.set(`${vatID}.source`, JSON.stringify({ bundleID: bundleOf(incarnations.length - 1) }));
  kvStore.set(`${vatID}.options`, JSON.stringify(options));
  transcriptStore.initTranscript(vatID);
  let position = 0;
  const add = text => {
    transcriptStore.addItem(vatID, text);
    position += 1;
  };
  for (const [number, spans] of incarnations.entries()) {
    if (number > 0) {
      add(items.shutdown());
      await transcriptStore.rolloverIncarnation(vatID);
      snapStore.stopUsingLastSnapshot(vatID);
    }
    add(items.initialize(bundleOf(number), options.workerOptions));
    for (const [span, of] of spans.entries()) {
      if (span > 0) {
        const { hash } = await snapStore.saveSnapshot(vatID, position, how.image(vatID, position));
        add(items.save(hash));
        await transcriptStore.rolloverSpan(vatID);
        add(items.load(hash));
      }
      for (let n = 0; n < of; n += 1) add(how.delivery({ span, number: n, of, position }));
    }
  }
  return position;
};

/** Fills a store. `v6` has three incarnations, `v9` is being deleted, `v10` is partly deleted, `v3` has no items. */
export const fillHistory = async ({ kernelStorage, hostStorage }) => {
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  hostStorage.kvStore.set('host.height', '7');
  for (const { id, bundle } of [bundles.b0a, bundles.b1a]) bundleStore.addBundle(id, bundle);
  kvStore.set('namedBundleID.contract', bundles.b1a.id);
  kvStore.set('vat.names', '["bootstrap","comms"]');
  kvStore.set('vat.name.bootstrap', 'v1');
  kvStore.set('vat.name.comms', 'v3');
  kvStore.set('vat.dynamicIDs', '["v6","v9"]');
  kvStore.set('vats.terminated', '["v9"]');
  await addVat(kernelStorage, 'v1', [[3, 3, 1]]);
  transcriptStore.initTranscript('v3');
  kvStore.set('v3.o.nextID', '1');
  kvStore.set('v3.source', JSON.stringify({ bundleID: bundles.b1a.id }));
  kvStore.set('v3.options', JSON.stringify({ workerOptions: { type: 'local' } }));
  await addVat(kernelStorage, 'v6', [
    [2, 3],
    [2, 4],
    [1, 2, 3],
  ]);
  for (const vatID of ['v9', 'v10']) {
    await addVat(kernelStorage, vatID, [[1, 1]]);
    snapStore.stopUsingLastSnapshot(vatID);
    await transcriptStore.stopUsingTranscript(vatID);
  }
  for (const key of ['o.nextID', 'source', 'options']) kvStore.delete(`v10.${key}`);
};

/** Makes such a store, changes it with SQL, and closes it. */
export const makeHistoryStore = async (api, dir, options = {}, sql = '') => {
  const store = api.initSwingStore(dir, { keepSnapshots: true, ...options });
  await fillHistory(store);
  if (sql) store.debug.getDatabase().exec(sql);
  await store.hostStorage.commit();
  await store.hostStorage.close();
};
