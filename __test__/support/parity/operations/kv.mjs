// Performs steps on the two key-value facets and on cranks.
import { expand } from '../repeated-text.mjs';

// Callers detach methods from their store, so the tests do, too.
const facetOf = ({ store }, which) => {
  const facets = {
    kernel: store.kernelStorage.kvStore,
    host: store.hostStorage.kvStore,
    internal: store.internal.kvStore,
  };
  return facets[which];
};

const kernel = ({ store }) => store.kernelStorage;

export const kvOperations = {
  get(world, which, key) {
    const { get } = facetOf(world, which);
    return get(expand(key));
  },
  has(world, which, key) {
    const { has } = facetOf(world, which);
    return has(expand(key));
  },
  getNextKey(world, which, key) {
    const { getNextKey } = facetOf(world, which);
    return getNextKey(expand(key));
  },
  set(world, which, key, value) {
    const { set } = facetOf(world, which);
    return set(expand(key), expand(value));
  },
  delete(world, which, key) {
    const { delete: remove } = facetOf(world, which);
    return remove(expand(key));
  },
  /** Iterates over keys as the kernel does, one lookup at a time, and possibly deletes some. */
  walk(world, which, from, limit, remove) {
    const facet = facetOf(world, which);
    const keys = [];
    let key = expand(from);
    for (let i = 0; i < limit; i += 1) {
      key = facet.getNextKey(key);
      keys.push(key);
      if (key === undefined) break;
      keys.push(facet.get(key));
      if (remove && !key.startsWith('host.')) facet.delete(key);
    }
    return keys;
  },

  startCrank(world) {
    const { startCrank } = kernel(world);
    return startCrank();
  },
  savepoint(world, name) {
    const { establishCrankSavepoint } = kernel(world);
    return establishCrankSavepoint(name);
  },
  rollbackCrank(world, name) {
    const { rollbackCrank } = kernel(world);
    return rollbackCrank(name);
  },
  emitCrankHashes(world) {
    const { emitCrankHashes } = kernel(world);
    return emitCrankHashes();
  },
  endCrank(world) {
    const { endCrank } = kernel(world);
    return endCrank();
  },
  getActivityhash(world) {
    const { getActivityhash } = kernel(world);
    return getActivityhash();
  },
};
