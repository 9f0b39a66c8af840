// Follows the operators' guide on a disk that a kernel has filled: `guide-on-full-disk.mjs DIR`. The commands are those of
// the guide. Prints what happened.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { openSwingStore } from '../../../../index.mjs';
import { runCli } from '../../common/cli.mjs';
import { commandsOfGuide } from '../guide.mjs';
import { makeBallast } from './free-space.mjs';

const [dir] = process.argv.slice(2);
const home = path.join(dir, 'home');
const at = path.join(home, 'data', 'agoric');
const file = path.join(at, 'swingstore.sqlite');
fs.mkdirSync(at, { recursive: true });

/** Runs a block that ends a span of more than 50 kB, which becomes history. */
const runBlock = async store => {
  const { kvStore, transcriptStore, startCrank, emitCrankHashes, endCrank } = store.kernelStorage;
  const height = Number(store.hostStorage.kvStore.get('host.height') ?? 0) + 1;
  startCrank();
  kvStore.set('counter', `${height}`);
  for (let i = 0; i < 20; i += 1) transcriptStore.addItem('v1', JSON.stringify({ d: [`${height} ${i} `.repeat(500)] }));
  await transcriptStore.rolloverSpan('v1');
  emitCrankHashes();
  endCrank();
  store.hostStorage.kvStore.set('host.height', `${height}`);
  await store.hostStorage.commit();
  return height;
};

const { leaveRoom, makeRoom } = makeBallast(dir);
let store = openSwingStore(at);
store.kernelStorage.transcriptStore.initTranscript('v1');
for (let block = 0; block < 40; block += 1) await runBlock(store);
// While a store is open, its thread for checkpoints may still write.
await store.hostStorage.close();
leaveRoom(2 << 20);
store = openSwingStore(at);
let committed = 40;
let commitError;
while (!commitError) {
  try {
    committed = await runBlock(store);
  } catch (error) {
    commitError = error.code;
  }
}
await store.hostStorage.close();

const args = ['--home', home, '--export-dir', path.join(dir, 'export'), '--artifact-mode', 'archival'];
const refused = await runCli(['export', ...args, '--export-data-mode', 'all']);
const left = fs.existsSync(path.join(dir, 'export')) ? fs.readdirSync(path.join(dir, 'export')) : [];

// An old export is deleted, and frees some room.
makeRoom();
leaveRoom(3 << 20);
const commands = [];
for (const [name, ...words] of commandsOfGuide('When the disk is full')) {
  const { code, stdout, stderr } = await runCli([name, ...words.map(word => word.replace('~/.agoric', home))]);
  commands.push({ name, code, output: `${stdout}${stderr}` });
}

// Now that there was room to close the log.
const bytes = fs.statSync(file).size;
store = openSwingStore(at);
const found = Number(store.hostStorage.kvStore.get('host.height'));
let height = found;
for (let block = 0; block < 20; block += 1) height = await runBlock(store);
await store.hostStorage.close();
const grown = fs.statSync(file).size - bytes;
console.log(
  JSON.stringify({ commitError, committed, found, refused, left, commands, blocksAfter: height - found, bytes, grown }),
);
