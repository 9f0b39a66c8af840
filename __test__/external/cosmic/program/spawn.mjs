// Lets cosmic-swingset export a store in a separate process, as a chain does
// for state-sync, and prints its messages.
//
//   node spawn.mjs STATE_DIR EXPORT_DIR [HEIGHT]

import '@endo/init';

import { fork } from 'node:child_process';

import { spawnSwingStoreExport } from '@agoric/cosmic-swingset/src/export-kernel-db.js';

const [, , stateDir, exportDir, height] = process.argv;
const exporter = spawnSwingStoreExport(
  {
    stateDir,
    exportDir,
    blockHeight: height && Number(height),
    artifactMode: 'replay',
    exportDataMode: 'all',
  },
  { fork },
);
const events = [];
const settled = (name, promise) =>
  promise.then(
    () => events.push(`${name}: fulfilled`),
    error => events.push(`${name}: ${error.name}: ${error.message}`),
  );
await settled('started', exporter.onStarted());
await settled('done', exporter.onDone());
events.push(`height ${exporter.getBlockHeight()}`);
process.stdout.write(JSON.stringify(events));
