// Holds a store open until its parent ends it. The arguments are the implementation, the way, and the store.
const [, , implementation, how, dir] = process.argv;
if (implementation === 'reference') await import('@endo/init/debug.js');
const api = await import(implementation === 'reference' ? '@agoric/swing-store' : '../../../../index.mjs');

const open = {
  store: () => api.openSwingStore(dir),
  fast: () => api.openSwingStore(dir, { unsafeFastMode: true }),
  readonly: () => api.openSwingStore(dir, { readonly: true }),
  exporter: () => api.makeSwingStoreExporter(dir),
  history: () => api.openSwingStoreHistory(dir),
};
const held = await open[how]();
process.send('open');
process.once('message', async () => {
  const { hostStorage } = held;
  if (hostStorage && how !== 'readonly') {
    hostStorage.kvStore.set('host.holder', implementation);
    await hostStorage.commit();
  }
  await (hostStorage ?? held).close();
  process.disconnect();
});
