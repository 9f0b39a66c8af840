// A store whose history was pruned, and archives with it.
import fs from 'node:fs';
import path from 'node:path';

import { subject } from '../common/implementations.mjs';
import { prune, withStore } from './remote-store.mjs';

const { archiveSwingStore } = subject.api;

/** The files of a directory, with their contents. */
export const filesIn = dir =>
  Object.fromEntries(fs.readdirSync(dir).map(name => [name, fs.readFileSync(path.join(dir, name))]));

/** Runs `use` with a store, a pruned copy of it, and archives of the store in a directory and on a server. */
export const withPruned = use =>
  withStore(async ({ at, server, store }) => {
    await archiveSwingStore(store, server.url);
    await archiveSwingStore(store, at('archive'));
    const pruned = at('pruned');
    fs.cpSync(store, pruned, { recursive: true });
    await prune(pruned);
    server.requests.length = 0;
    await use({ at, server, store, pruned });
  });
