// Wrappers for a store's wrap options. Each records calls with their arguments, and may change arguments and results.

const noted = value =>
  ['string', 'number', 'boolean', 'undefined'].includes(typeof value) || value === null ? value : typeof value;

const wrapWith = (world, name, change) => store => {
  world.events.push(['wrap', name, Object.keys(store).sort()]);
  const wrapped = {};
  for (const [method, original] of Object.entries(store)) {
    wrapped[method] = (...args) => {
      world.events.push([name, method, ...args.map(noted)]);
      return original(...args);
    };
  }
  return { ...wrapped, ...change(store) };
};

const unchanged = () => ({});

/**
 * @param {{ events: any[] }} world
 * @param {boolean} changing whether the wrappers change arguments and results
 */
export const makeWrappers = (world, changing) => {
  const options = {
    wrapKvStore: ({ get, set }) => ({
      get: key => {
        const value = get(key);
        return value && `<${value}>`;
      },
      set: (key, value) => set(key, typeof value === 'string' ? `+${value}` : value),
    }),
    wrapTranscriptStore: ({ addItem, dumpTranscripts }) => ({
      addItem: (vatID, item) => addItem(vatID, `wrapped ${item}`),
      dumpTranscripts: historical => ({ ...dumpTranscripts(historical), extra: {} }),
    }),
    wrapSnapStore: ({ getSnapshotInfo }) => ({
      getSnapshotInfo: vatID => ({ ...getSnapshotInfo(vatID), extra: vatID }),
    }),
    wrapBundleStore: ({ hasBundle }) => ({
      hasBundle: bundleID => !hasBundle(bundleID),
    }),
  };
  return Object.fromEntries(
    Object.entries(options).map(([name, change]) => [name, wrapWith(world, name, changing ? change : unchanged)]),
  );
};
