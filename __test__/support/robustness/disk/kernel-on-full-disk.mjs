// Runs a kernel until the disk is full, on the reference and on ours: `kernel-on-full-disk.mjs DIR`. Prints the outcomes.
import '@endo/init/debug.js';

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { reference, subject } from '../../common/implementations.mjs';
import { makeBallast } from './free-space.mjs';

const [dir] = process.argv.slice(2);
const { leaveRoom, makeRoom } = makeBallast(dir);

/** The part of an error that both have: only ours has its own codes. */
const wordsOf = ({ name, code, message }) => `${`${code}`.startsWith('SQLITE_') ? code : name}: ${message}`;

const told = async attempt => {
  try {
    await attempt();
    return 'no error';
  } catch (error) {
    return wordsOf(error);
  }
};

/** Runs one block with values of a given size. */
const steps = (store, height, size) => {
  const { kvStore, transcriptStore, startCrank, emitCrankHashes, endCrank } = store.kernelStorage;
  const work = [['startCrank', startCrank]];
  for (let i = 0; i < 40; i += 1) {
    work.push(['set', () => kvStore.set(`key.${height}.${i}`, `${i}`.repeat(size))]);
    work.push(['addItem', () => transcriptStore.addItem('v1', `${i}`.repeat(size))]);
  }
  work.push(['emitCrankHashes', emitCrankHashes], ['endCrank', endCrank]);
  work.push(['set host', () => store.hostStorage.kvStore.set('host.height', `${height}`)]);
  work.push(['commit', () => store.hostStorage.commit()]);
  return work;
};

const runBlock = async (store, height, size) => {
  for (const [step, act] of steps(store, height, size)) {
    try {
      await act();
    } catch (error) {
      return { step, error };
    }
  }
  return undefined;
};

/** Runs blocks until the disk is full; then, with free space, commits and runs another block. */
const fill = async ({ api }, name, { room, size, cacheSize }) => {
  const at = path.join(dir, name);
  fs.rmSync(at, { recursive: true, force: true });
  const store = api.openSwingStore(at);
  const db = store.debug.getDatabase();
  if (cacheSize) db.pragma(`cache_size = ${cacheSize}`);
  store.kernelStorage.transcriptStore.initTranscript('v1');
  await store.hostStorage.commit();
  leaveRoom(room);
  let height = 1;
  let failed;
  while (!(failed = await runBlock(store, height, size))) height += 1;
  const { step, error } = failed;
  const inTransaction = db.inTransaction;
  const full = await told(() => store.hostStorage.commit());
  makeRoom();
  const commit = await told(() => store.hostStorage.commit());
  const endCrank = await told(() => store.kernelStorage.endCrank());
  const next = await runBlock(store, height + 1, size);
  const close = await told(() => store.hostStorage.close());
  // The contents for other connections and after reopening.
  const again = api.openSwingStore(at);
  const found = again.hostStorage.kvStore.get('host.height');
  const integrity = again.debug.getDatabase().pragma('integrity_check', { simple: true });
  const items = [...again.kernelStorage.transcriptStore.readSpan('v1')].length;
  await again.hostStorage.close();
  fs.rmSync(at, { recursive: true });
  assert.equal(integrity, 'ok');
  return {
    step,
    error: wordsOf(error),
    inTransaction,
    full,
    commit,
    endCrank,
    next: next ? `${next.step}: ${wordsOf(next.error)}` : 'no error',
    close,
    // The keys of the failed block and of later ones.
    blocks: Number(found) - height,
    items: items - (height - 1) * 40,
  };
};

const settings = {
  'at the commit': { room: 3 << 20, size: 2000 },
  'in the middle of a block': { room: 3 << 20, size: 20_000, cacheSize: 20 },
};
const outcomes = {};
for (const [name, setting] of Object.entries(settings)) {
  outcomes[name] = {
    reference: await fill(reference, 'reference', setting),
    ours: await fill(subject, 'ours', setting),
  };
}
console.log(JSON.stringify(outcomes, null, 2));
