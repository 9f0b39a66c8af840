// A store like a kernel's, and a server for its archive.
import path from 'node:path';

import { subject } from '../common/implementations.mjs';
import { inTempDir } from '../common/world.mjs';
import { makeAsKernel } from './kernel-like-store.mjs';
import { withObjectServer } from './object-server.mjs';

const { pruneSwingStore, repopulateSwingStoreFromDirectory, verifySwingStore } = subject.api;

/** Runs a test with a store, and a server in this process. Settings of this process are shared, so tests are serial. */
export const withStore = use =>
  inTempDir(async base => {
    const at = (...names) => path.join(base, ...names);
    await makeAsKernel(subject.api, at('store'), { keepSnapshots: true });
    await withObjectServer(server => use({ at, server, store: at('store') }));
  });

export const archived = 'bucket/archive/';
export const namesIn = ({ objects }) =>
  [...objects.keys()]
    .filter(name => name.startsWith(archived))
    .map(name => name.slice(archived.length, -3))
    .sort();
export const prune = store => pruneSwingStore(store, { keep: 'operational' });
export const isSound = async store => (await verifySwingStore(store, { artifactMode: 'archival' })).ok;
export const repopulate = (place, store, options) =>
  repopulateSwingStoreFromDirectory(place, store, { artifactMode: 'debug', ...options });

export const noSecret = (t, { env }, text) => {
  for (const secret of [env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY]) t.false(text.includes(secret), text);
};
