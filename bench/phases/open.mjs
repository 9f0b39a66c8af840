/** Opens an existing store once, reads a key, and closes it. */
export const name = 'open';
export const input = { sizes: {} };
export const unit = 'opening';

export const run = async ({ api, store, measure }) => {
  const height = await measure(async () => {
    const { hostStorage } = api.openSwingStore(store);
    const value = hostStorage.kvStore.get('host.height');
    await hostStorage.close();
    return value;
  });
  return { work: { height }, units: 1 };
};
