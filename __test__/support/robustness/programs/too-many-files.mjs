// Uses a store with an increasing number of available file descriptors: `node too-many-files.mjs STORE SCRATCH`. Prints a
// line for each attempt.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';

const [, , store, scratch] = process.argv;
const api = createRequire(import.meta.url)('../../../../index.js');

// Opens in advance what Node.js opens at the first use.
await fs.promises.readFile(new URL(import.meta.url));
await api.verifySwingStore(store);

const works = {
  verify: () => api.verifySwingStore(store),
  export: () => api.exportSwingStoreToDirectory(store, path.join(scratch, `export-${Math.random()}`)),
  history: async () => {
    const history = await api.openSwingStoreHistory(store);
    await history.close();
  },
  prune: () => api.pruneSwingStore(store, { keep: 'operational', dryRun: true }),
  diff: () => api.diffSwingStores(store, store),
  open: async () => {
    const { hostStorage } = api.openSwingStore(store);
    await hostStorage.close();
  },
};

/** Uses up all file descriptors except a number of them. */
const crowd = free => {
  const taken = [];
  for (;;) {
    try {
      taken.push(fs.openSync('/dev/null'));
    } catch {
      break;
    }
  }
  for (const fd of taken.splice(0, free)) fs.closeSync(fd);
  return taken;
};

const lines = [];
for (const [name, work] of Object.entries(works)) {
  for (let free = 0; free < 24; free += 1) {
    const taken = crowd(free);
    let outcome = {};
    try {
      await work();
    } catch ({ code, message }) {
      outcome = { code, message };
    }
    for (const fd of taken) fs.closeSync(fd);
    lines.push(JSON.stringify({ name, free, ...outcome }));
    if (outcome.message === undefined) break;
  }
}
console.log(lines.join('\n'));
