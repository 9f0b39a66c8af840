/**
 * Makes a store at height 7 whose vat `v1` has two historical spans, a current one, and two snapshots.
 *
 * @param {object} api
 * @param {string} dir
 * @param {{ options?: object, secondRollover?: 'rolloverSpan' | 'rolloverIncarnation', more?: (kernelStorage: object) => void }} [how]
 */
export const makeSmallStore = async (
  api,
  dir,
  { options = { keepSnapshots: true }, secondRollover = 'rolloverSpan', more = () => {} } = {},
) => {
  const { kernelStorage, hostStorage } = api.initSwingStore(dir, options);
  const { kvStore, transcriptStore, snapStore } = kernelStorage;
  kvStore.set('key', 'value');
  kvStore.set('local.key', 'kept');
  hostStorage.kvStore.set('host.height', '7');
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', 'zero');
  await snapStore.saveSnapshot('v1', 1, [Buffer.from('snapshot one')]);
  await transcriptStore.rolloverSpan('v1');
  transcriptStore.addItem('v1', 'one');
  await snapStore.saveSnapshot('v1', 2, [Buffer.from('snapshot two')]);
  await transcriptStore[secondRollover]('v1');
  transcriptStore.addItem('v1', 'two');
  more(kernelStorage);
  await hostStorage.commit();
  await hostStorage.close();
};
