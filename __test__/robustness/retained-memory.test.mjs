// Strings that pass between JavaScript and a store do not retain larger strings.
import '@endo/init/debug.js';

import v8 from 'node:v8';
import vm from 'node:vm';
import test from 'ava';

import { initSwingStore, makeSwingStoreExporter, openSwingStoreHistory } from '../../index.mjs';
import { internal } from '../support/common/internals.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';
import { temporaryDirectory } from '../support/common/temporary-directory.mjs';

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

const MIB = 2 ** 20;

const heap = () => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

/** The growth of the heap during some work, while its result is kept. */
const growth = async work => {
  const before = heap();
  const kept = await work();
  const after = heap();
  return { bytes: after - before, kept };
};

/** The number of large texts, and the length of each. */
const COUNT = 150;
const LENGTH = 200_000;

let made = 0;
/** A part of a large text, and the only reference to it. */
const piece = (length = 64) => {
  made += 1;
  // Flattened, like text that was read from a file.
  const text = Buffer.alloc(LENGTH, `${made} is the number of this large text. `).toString('latin1');
  return text.slice(1000, 1000 + length);
};

const times = work => Array.from({ length: COUNT }, (_, i) => work(i));

test.serial('slices of large texts retain these, or else this file tests nothing', async t => {
  const { bytes, kept } = await growth(async () => times(() => piece()));
  t.true(bytes > (COUNT * LENGTH) / 2, `${bytes}`);
  t.is(kept.length, COUNT);
});

for (const [what, use] of Object.entries({
  set: ({ kvStore }, i) => kvStore.set(`key ${i}`, piece()),
  'set of a new key': ({ kvStore }) => kvStore.set(piece(), 'value'),
  'set, then get': ({ kvStore }, i) => {
    kvStore.set(`key ${i}`, piece());
    kvStore.get(`key ${i}`);
  },
  'get, then set': ({ kvStore }, i) => {
    kvStore.get(`key ${i}`);
    kvStore.set(`key ${i}`, piece());
  },
  get: ({ kvStore }) => kvStore.get(piece()),
  has: ({ kvStore }) => kvStore.has(piece()),
  delete: ({ kvStore }) => kvStore.delete(piece()),
  getNextKey: ({ kvStore }) => kvStore.getNextKey(piece()),
  savepoints: ({ establishCrankSavepoint }) => establishCrankSavepoint(piece()),
})) {
  test.serial(`a store does not retain the texts that its arguments were cut from: ${what}`, async t => {
    const { kernelStorage, hostStorage } = initSwingStore(null);
    kernelStorage.startCrank();
    const { bytes } = await growth(async () => void times(i => use(kernelStorage, i)));
    t.true(bytes < 4 * MIB, `${bytes}`);
    await hostStorage.close();
  });
}

/** A store with large values and items. */
const makeLargeStore = async (dir, exportCallback) => {
  const { kernelStorage, hostStorage } = initSwingStore(dir, { exportCallback });
  kernelStorage.startCrank();
  kernelStorage.transcriptStore.initTranscript('v1');
  for (let i = 0; i < COUNT; i += 1) {
    const large = `${i} `.repeat(LENGTH / 4);
    kernelStorage.kvStore.set(`a key that is longer than a dozen characters ${i}`, large);
    kernelStorage.transcriptStore.addItem('v1', i % 2 === 0 ? large : 'a small item between two that are large');
  }
  kernelStorage.endCrank();
  await hostStorage.commit();
  return hostStorage;
};

test.serial('keys that an exportCallback gets do not retain the values', async t => {
  const keys = [];
  const dir = temporaryDirectory(t, 'memory');
  const { bytes } = await growth(async () => {
    const { close } = await makeLargeStore(dir, pairs => keys.push(...pairs.map(([key]) => key)));
    await close();
  });
  t.true(keys.length > COUNT);
  t.true(bytes < 4 * MIB, `${bytes}`);
});

test.serial('keys of export data do not retain the values, nor items each other', async t => {
  const dir = temporaryDirectory(t, 'memory');
  const { close } = await makeLargeStore(dir);
  await close();
  const exporter = makeSwingStoreExporter(dir);
  const data = await growth(async () => {
    const keys = [];
    for await (const [key] of exporter.getExportData()) keys.push(key);
    return keys;
  });
  t.true(data.kept.length > COUNT);
  t.true(data.bytes < 4 * MIB, `${data.bytes}`);
  await exporter.close();

  const history = openSwingStoreHistory(dir);
  const items = await growth(async () => {
    const small = [];
    for await (const { item } of history.readItems('v1')) if (item.length < 100) small.push(item);
    return small;
  });
  t.is(items.kept.length, COUNT / 2);
  t.true(items.bytes < 4 * MIB, `${items.bytes}`);
  await history.close();
});

for (const [how, close] of Object.entries({
  'hostStorage.close': store => store.hostStorage.close(),
  'Database.close': store => store.debug.getDatabase().close(),
})) {
  test.serial(`a closed store retains no values: ${how}`, async t => {
    const store = initSwingStore(null);
    const { kvStore } = store.kernelStorage;
    const filled = await growth(async () => {
      for (let i = 0; i < 80; i += 1) {
        kvStore.set(`key ${i}`, `${i} `.repeat(LENGTH / 4));
        // Only values that were read are cached.
        kvStore.get(`key ${i}`);
      }
    });
    t.true(filled.bytes > 8 * MIB, `${filled.bytes}`);
    const { bytes } = await growth(() => close(store));
    t.true(bytes < -8 * MIB, `${bytes}`);
    t.throws(() => kvStore.get('key 1'));
  });
}

for (const how of ['finish', 'abandon']) {
  const check = subjectIsReference ? test.skip : test.serial;
  check(`a stream's target does not retain what it received: ${how}`, async t => {
    const { makeSnapshotSink } = internal('native.js');
    const chunk = new Uint8Array(MIB);
    const kept = [];
    const receive = async () => {
      const sink = makeSnapshotSink();
      sink.add(chunk);
      await sink.flush();
      sink.add(chunk);
      await sink[how]();
      kept.push(sink);
    };
    for (let i = 0; i < 10; i += 1) await receive();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < COUNT; i += 1) await receive();
    const grown = process.memoryUsage.rss() - before;
    t.true(grown < (COUNT * MIB) / 3, `${grown}`);
    t.is(kept.length, COUNT + 10);
  });
}
