// Runs blocks on a store after it receives `go`, until it is killed: `kernel.mjs DIR SEED CONFIG [ARCHIVE]`. Between blocks,
// it sometimes closes the store, checkpoints its log, or rewrites its file. Announces each step and its completion on
// stdout, with writes that reach the pipe before it continues.
import { writeSync } from 'node:fs';
import process from 'node:process';

import * as api from '../../../../index.mjs';
import { heightOf, runBlock } from '../random-blocks.mjs';
import { makeWitness, openStore, optionsFor } from '../store-kinds.mjs';
import { waitForGo } from '../kill-at-random.mjs';

const [, , dir, seed, configText, archiveDir] = process.argv;
const config = JSON.parse(configText);
const witness = makeWitness();
const options = optionsFor(api, config, witness, archiveDir);

const say = line => writeSync(1, `${line}\n`);
let store;

const open = () => {
  say('in open');
  store = openStore(api, dir, config, options);
  say(`opened ${heightOf(store)}`);
};

const close = async () => {
  say('in close');
  await store.hostStorage.close();
};

/** The host's actions between blocks. */
const between = {
  checkpoint() {
    say('in checkpoint');
    store.debug.getDatabase().pragma('wal_checkpoint(TRUNCATE)');
  },
  async reopen() {
    await close();
    open();
  },
  async reclaim() {
    await close();
    say('in reclaim');
    await api.reclaimSwingStoreSpace(dir, { method: 'rewrite' });
    open();
  },
};

await waitForGo();
open();
for (let height = heightOf(store) + 1; ; height += 1) {
  say('in block');
  const hashes = await runBlock(store, Number(seed), height);
  say('in commit');
  await store.hostStorage.commit();
  say(`done ${height} ${witness.take(hashes)}`);
  const chance = Math.random();
  if (chance < 0.1) between.checkpoint();
  else if (chance < 0.2) await between.reopen();
  else if (chance < 0.25) await between.reclaim();
}
