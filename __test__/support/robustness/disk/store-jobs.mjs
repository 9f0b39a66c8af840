// All jobs on a store on a disk, by name. Each takes the package to use.
import fs from 'node:fs';
import path from 'node:path';
import tmp from 'tmp';

import { makePlainExporter, readPlain } from '../../common/plain-exporter.mjs';

/** The paths of a store, an export and an archive, and of new ones, in one directory. */
export const placesIn = base => ({
  store: path.join(base, 'store'),
  export: path.join(base, 'export'),
  out: path.join(base, 'out', 'export'),
  to: path.join(base, 'to'),
  archive: path.join(base, 'archive'),
});

const mode = { artifactMode: 'debug' };

const write = async (api, dir) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(dir);
  try {
    kernelStorage.kvStore.set('key', 'value');
    await hostStorage.commit();
  } finally {
    await hostStorage.close();
  }
};

const readAll = async (api, dir) => {
  const exporter = api.makeSwingStoreExporter(dir, mode);
  let isRead = false;
  try {
    const plain = await readPlain(exporter);
    isRead = true;
    return plain;
  } finally {
    if (!isRead) await exporter.close();
  }
};

/** The jobs of both implementations. */
export const sharedWorks = {
  open: (api, { store }) => write(api, store),
  'open to read': async (api, { store }) => {
    const { kernelStorage, hostStorage } = api.openSwingStore(store, { readonly: true });
    kernelStorage.kvStore.get('key.1');
    await hostStorage.close();
  },
  init: async (api, { store }) => {
    const { hostStorage } = api.initSwingStore(store);
    await hostStorage.commit();
    await hostStorage.close();
  },
  exporter: (api, { store }) => readAll(api, store),
  import: async (api, { to }, plain) => {
    const { hostStorage } = await api.importSwingStore(makePlainExporter(plain).exporter, to, mode);
    try {
      await hostStorage.commit();
    } finally {
      await hostStorage.close();
    }
  },
  'archive as it comes': async (api, { archive }) => {
    const archiveSnapshot = api.makeArchiveSnapshot(archive, api.nativeArchivePowers ?? { fs, path, tmp });
    await archiveSnapshot('snapshot.v1.5', ['an image']);
    const archiveTranscript = api.makeArchiveTranscript(archive, api.nativeArchivePowers ?? { fs, path, tmp });
    await archiveTranscript('transcript.v1.0.5', ['an item\n']);
  },
};

const importFrom = async (api, { export: from, to }) => {
  const { hostStorage } = await api.importSwingStoreFromDirectory(from, to, mode);
  try {
    await hostStorage.commit();
  } finally {
    await hostStorage.close();
  }
};

const ask = async (api, dir) => {
  const history = api.openSwingStoreHistory(dir);
  try {
    for await (const item of history.readIncarnation('v1', 0)) if (!item) throw Error('no item');
    return await history.listVats();
  } finally {
    await history.close();
  }
};

const repopulate = async (api, { export: from, store }) => {
  const { refused } = await api.repopulateSwingStoreFromDirectory(from, store, mode);
  // A fault of one artifact does not prevent the restoration of others.
  if (refused.length) throw Object.assign(Error(refused[0].reason), { code: refused[0].code });
};

/** The jobs of ours only. */
export const ownWorks = {
  export: (api, { store, out }) => api.exportSwingStoreToDirectory(store, out, mode),
  'import from a directory': importFrom,
  repair: (api, { export: from, store }) => api.repairSwingStoreFromDirectory(from, store),
  verify: (api, { store }) => api.verifySwingStore(store, mode),
  diff: (api, { store, export: from }) => api.diffSwingStores(store, from),
  history: (api, { store }) => ask(api, store),
  prune: (api, { store }) => api.pruneSwingStore(store, { keep: 'operational' }),
  repopulate,
  reclaim: (api, { store }) => api.reclaimSwingStoreSpace(store, { method: 'rewrite' }),
  archive: (api, { store, archive }) => api.archiveSwingStore(store, archive),
};

/** The command line's arguments for the same jobs. */
export const commands = {
  export: ({ store, out }) => ['export', '--state-dir', store, '--export-dir', out],
  import: ({ export: from, to }) => ['import', '--state-dir', to, '--export-dir', from],
  verify: ({ store }) => ['verify', '--state-dir', store],
  inspect: ({ store }) => ['inspect', '--state-dir', store],
  prune: ({ store }) => ['prune', '--state-dir', store, '--keep', 'operational'],
  reclaim: ({ store }) => ['reclaim', '--state-dir', store],
  archive: ({ store, archive }) => ['archive', '--state-dir', store, '--archive-dir', archive],
};

/** Runs a function and describes its outcome. */
export const told = async attempt => {
  try {
    await attempt();
    return 'done';
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return `${error.code}: ${error.message}`;
  }
};
