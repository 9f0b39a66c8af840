// Runs blocks on a store until it is killed, once it is told to go: `kernel.mjs DIR SEED CONFIG [ARCHIVE]`. Between blocks
// the store is sometimes closed, or its log brought into the file, or the file written anew. What is about to happen,
// and what has been done, is said on stdout, by a write that is in the pipe before anything else happens.
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

/** What a host may do between blocks. */
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
