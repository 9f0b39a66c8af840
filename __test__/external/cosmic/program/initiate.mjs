// Calls cosmic-swingset's exporter as a module, and prints the outcome.
//
//   node initiate.mjs STATE_DIR EXPORT_DIR [N]
//
// Stops it at its Nth line.

import '@endo/init';

import fs from 'node:fs/promises';
import { resolve } from 'node:path';

import { initiateSwingStoreExport } from '@agoric/cosmic-swingset/src/export-kernel-db.js';

const [, , stateDir, exportDir, stopAt] = process.argv;
const events = [];
let lines = 0;
let stopping;

const exporter = initiateSwingStoreExport(
  { stateDir, exportDir, artifactMode: 'archival', exportDataMode: 'all' },
  {
    fs,
    pathResolve: resolve,
    log: line => {
      events.push(line);
      lines += 1;
      if (lines === Number(stopAt)) stopping = exporter.stop();
    },
  },
);
const settled = (name, promise) =>
  promise.then(
    () => events.push(`${name}: fulfilled`),
    error => events.push(`${name}: ${error.message}`),
  );
await settled('started', exporter.onStarted());
await settled('done', exporter.onDone());
await settled('stopped', Promise.resolve(stopping));
events.push(`height ${exporter.getBlockHeight()}`);
process.stdout.write(JSON.stringify(events));
