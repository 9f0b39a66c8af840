// Runs all jobs of a store on a limited system: `node all-store-work.mjs DIRECTORY [START]`. Creates the file START once
// Node.js has its own resources. Prints one line for each job: its name and its error's code.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const [, , dir, start] = process.argv;
// Starts the threads that read files: Node.js ends the process if it can't start them later.
await fs.promises.readFile(new URL(import.meta.url));
if (start) fs.writeFileSync(start, '');

const at = name => path.join(dir, name);
const report = async (name, work) => {
  try {
    await work();
    console.log(`${name} done`);
  } catch (error) {
    console.log(`${name} ${error.code ?? error} ${error.message}`);
  }
};

const require = createRequire(import.meta.url);
const store = require('../../../../index.js');
const powers = store.nativeArchivePowers;
const archives = at('archives');
fs.mkdirSync(archives, { recursive: true });
const options = {
  archiveSnapshot: store.makeArchiveSnapshot(archives, powers),
  archiveTranscript: store.makeArchiveTranscript(archives, powers),
  keepTranscripts: true,
};
const { kernelStorage, hostStorage } = store.initSwingStore(at('store'), options);
const { kvStore, snapStore, transcriptStore } = kernelStorage;
await report('set', () => kvStore.set('key', 'value'));
transcriptStore.initTranscript('v1');
for (let i = 0; i < 20; i += 1) transcriptStore.addItem('v1', `item ${i}`);
await report('save', () => snapStore.saveSnapshot('v1', 20, [Buffer.alloc(300_000, 'image')]));
await report('roll', () => transcriptStore.rolloverSpan('v1'));
await report('commit', () => hostStorage.commit());
await report('read', async () => {
  if (kvStore.get('key') !== 'value') throw Error('the value is lost');
  if ([...transcriptStore.readSpan('v1', 0)].length !== 20) throw Error('items are lost');
});
await report('export', () => store.exportSwingStoreToDirectory(at('store'), at('export'), { artifactMode: 'replay' }));
await report('import', async () => {
  const from = fs.existsSync(at('export')) ? at('export') : at('no export');
  const made = await store.importSwingStoreFromDirectory(from, at('copy'), { artifactMode: 'replay' });
  await made.hostStorage.commit();
  await made.hostStorage.close();
});
await report('replace', async () => {
  // Makes the old file accessible to everybody, so that the new one may be, too.
  fs.chmodSync(path.join(at('copy'), 'swingstore.sqlite'), 0o666);
  const made = await store.importSwingStoreFromDirectory(at('export'), at('copy'), { artifactMode: 'replay' });
  await made.hostStorage.commit();
  await made.hostStorage.close();
});
await report('archive', () => store.archiveSwingStore(at('store'), at('more archives')));
await report('verify', async () => {
  const { findings } = await store.verifySwingStore(at('store'), { artifactMode: 'replay' });
  if (findings.length > 0) throw Error(JSON.stringify(findings));
});
await report('close', () => hostStorage.close());
