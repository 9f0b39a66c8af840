// Makes the store to export.
//
//   node make-store.mjs DIR MODULE [pruned]
//
// MODULE makes the history, as in the project's demonstration. Adds data that
// only some modes export (a terminated vat), and unusual text. With `pruned`,
// keeps no history.

import '@endo/init';

import { initSwingStore, openSwingStore } from '@agoric/swing-store';

const [, , dir, module, pruned] = process.argv;

/** The start of an image: complete ones would take longer. */
async function* startOf(chunks) {
  let count = 0;
  for await (const chunk of chunks) {
    yield chunk;
    count += 1;
    if (count === 3) return;
  }
}

const options = {
  keepTranscripts: !pruned,
  keepSnapshots: !pruned,
  wrapSnapStore: snapStore => ({
    ...snapStore,
    saveSnapshot: (vatID, snapPos, chunks) => snapStore.saveSnapshot(vatID, snapPos, startOf(chunks)),
  }),
};

const { makeHistory } = await import(module);
await makeHistory({ initSwingStore: path => initSwingStore(path, options) }, dir, () => {});

const { kernelStorage, hostStorage } = openSwingStore(dir, options);
const { kvStore, transcriptStore, snapStore } = kernelStorage;
transcriptStore.initTranscript('v99');
transcriptStore.addItem('v99', '{"d":["initialize-worker"]}');
await snapStore.saveSnapshot('v99', 1, [Buffer.from('image of a vat that ends')]);
await transcriptStore.rolloverSpan('v99');
transcriptStore.addItem('v99', '{"d":["message"]}');
transcriptStore.stopUsingTranscript('v99');
snapStore.stopUsingLastSnapshot('v99');
kvStore.set('text.lines', 'one\ntwo\r\nthree\u2028four\u0000five');
kvStore.set('text.größer', '\u{1d4b3} "quoted" \\ /');
kvStore.set('text.empty', '');
await hostStorage.commit();
await hostStorage.close();
