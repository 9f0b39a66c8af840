// Imports over a store, on a disk that is full at the import's commit: `import-on-full-disk.mjs DIR`. Prints the errors.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import * as api from '../../../../index.mjs';
import { makeStore } from '../../common/cosmic-directory.mjs';
import { makePlainExporter, readPlain } from '../../common/plain-exporter.mjs';
import { makeBallast } from './free-space.mjs';

const [dir] = process.argv.slice(2);
const at = name => path.join(dir, name);
const { leaveRoom, makeRoom } = makeBallast(dir);

const exportOf = name => readPlain(api.makeSwingStoreExporter(at(name), { artifactMode: 'debug' }));
const heightOf = async name => {
  const store = api.openSwingStore(at(name));
  const height = store.hostStorage.kvStore.get('host.height');
  await store.hostStorage.close();
  return height;
};

await makeStore(api, at('store'));
await api.exportSwingStoreToDirectory(at('store'), at('export'), { artifactMode: 'debug' });
const plain = await exportOf('store');
const old = api.initSwingStore(at('to'));
old.hostStorage.kvStore.set('host.height', 'the old one');
await old.hostStorage.commit();
await old.hostStorage.close();
const before = fs.readFileSync(at('to/swingstore.sqlite'));

const imports = {
  'from a directory': () => api.importSwingStoreFromDirectory(at('export'), at('to'), { artifactMode: 'debug' }),
  'by pieces': () => api.importSwingStore(makePlainExporter(plain).exporter, at('to'), { artifactMode: 'debug' }),
};
const said = {};
for (const [name, begin] of Object.entries(imports)) {
  const { hostStorage } = await begin();
  for (let i = 0; i < 20; i += 1) hostStorage.kvStore.set(`host.large.${i}`, 'x'.repeat(100_000));
  leaveRoom(0);
  const tries = {
    commit: () => hostStorage.commit(),
    'commit again': () => {
      makeRoom();
      return hostStorage.commit();
    },
    set: async () => hostStorage.kvStore.set('host.height', '43'),
    delete: async () => hostStorage.kvStore.delete('host.height'),
    'commit at last': () => hostStorage.commit(),
  };
  for (const [step, attempt] of Object.entries(tries)) {
    said[`${name}: ${step}`] = await attempt().then(
      () => 'no error',
      ({ code, message }) => `${code}: ${message}`,
    );
    assert.ok(before.equals(fs.readFileSync(at('to/swingstore.sqlite'))), step);
  }
  await hostStorage.close();
  assert.deepEqual(fs.readdirSync(at('to')), ['swingstore.sqlite']);
  assert.equal(await heightOf('to'), 'the old one');
}
// With free space it succeeds, in the same process.
const { hostStorage } = await imports['by pieces']();
await hostStorage.commit();
await hostStorage.close();
assert.deepEqual(await exportOf('to'), plain);
console.log(JSON.stringify(said, null, 2));
