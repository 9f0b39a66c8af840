// The results of each function of a store, in a process without SES and the reference. Fast, and locates most faults of
// js/store; `parity/` compares the functions with the reference's.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import test from 'ava';

import { initSwingStore, isSwingStore, openSwingStore } from '../../index.mjs';
import { temporaryDirectory } from '../support/common/temporary-directory.mjs';

const sha256 = data => createHash('sha256').update(data).digest('hex');

/** The hash of a span with these items. */
const spanHash = items =>
  items.reduce((hash, item) => sha256(`${hash}${sha256(item)}`), sha256('start of transcript span'));

const SNAPSHOTS = ['snapshot one', 'snapshot two'].map(text => Buffer.from(text));
const script = { moduleFormat: 'nestedEvaluate', source: '1 + 1', sourceMap: '' };
const scriptID = `b0-${sha256(JSON.stringify(script))}`;

/** Fills a store with a vat of two incarnations, two snapshots, a bundle and some keys. */
const fill = async ({ kernelStorage, hostStorage }) => {
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  kvStore.set('v1.key', 'value');
  hostStorage.kvStore.set('host.height', '7');
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', 'zero');
  transcriptStore.addItem('v1', 'one');
  await snapStore.saveSnapshot('v1', 1, [SNAPSHOTS[0]]);
  await transcriptStore.rolloverSpan('v1');
  transcriptStore.addItem('v1', 'two');
  await transcriptStore.rolloverIncarnation('v1');
  transcriptStore.addItem('v1', 'three');
  await snapStore.saveSnapshot('v1', 3, [SNAPSHOTS[1]]);
  bundleStore.addBundle(scriptID, script);
};

test('the parts of a store', async t => {
  const store = initSwingStore();
  const { kernelStorage, hostStorage, debug, internal } = store;
  t.deepEqual(Object.keys(store), ['kernelStorage', 'hostStorage', 'debug', 'internal']);
  const kv = ['has', 'get', 'getNextKey', 'set', 'delete'];
  const shapeOf = object =>
    Object.fromEntries(
      Object.entries(object).map(([name, value]) => [
        name,
        typeof value === 'function' ? 'function' : Object.keys(value),
      ]),
    );
  t.deepEqual(shapeOf(kernelStorage), {
    kvStore: kv,
    transcriptStore: [
      'initTranscript',
      'rolloverSpan',
      'rolloverIncarnation',
      'getCurrentSpanBounds',
      'addItem',
      'readSpan',
      'stopUsingTranscript',
      'deleteVatTranscripts',
    ],
    snapStore: [
      'loadSnapshot',
      'saveSnapshot',
      'deleteAllUnusedSnapshots',
      'deleteVatSnapshots',
      'stopUsingLastSnapshot',
      'getSnapshotInfo',
    ],
    bundleStore: ['addBundle', 'hasBundle', 'getBundle', 'deleteBundle'],
    startCrank: 'function',
    establishCrankSavepoint: 'function',
    rollbackCrank: 'function',
    emitCrankHashes: 'function',
    endCrank: 'function',
    getActivityhash: 'function',
  });
  t.deepEqual(shapeOf(hostStorage), {
    kvStore: kv,
    commit: 'function',
    close: 'function',
    compactHistory: 'function',
    diskUsage: 'function',
    metrics: 'function',
    repairMetadata: 'function',
  });
  t.deepEqual(Object.keys(debug), ['serialize', 'dump', 'getDatabase']);
  for (const part of [store, kernelStorage, kernelStorage.kvStore, hostStorage.kvStore, internal.transcriptStore]) {
    t.true(Object.isFrozen(part));
  }
  t.is(internal.dirPath, null);
  t.is(internal.asFile, false);
  t.is(debug.getDatabase(), internal.db);
  await hostStorage.close();
  t.is(debug.getDatabase(), null);
  t.throws(() => kernelStorage.kvStore.get('key'), { message: /not open/ });
});

test('transcripts', async t => {
  const store = initSwingStore();
  await fill(store);
  const { transcriptStore } = store.kernelStorage;
  const whole = store.internal.transcriptStore;
  const bounds = { startPos: 3, endPos: 4, hash: spanHash(['three']), incarnation: 1 };
  t.deepEqual(transcriptStore.getCurrentSpanBounds('v1'), bounds);
  t.deepEqual([...transcriptStore.readSpan('v1')], ['three']);
  t.deepEqual([...transcriptStore.readSpan('v1', 0)], ['zero', 'one']);
  t.deepEqual(
    [...whole.readFullVatTranscript('v1')],
    ['zero', 'one', 'two', 'three'].map((item, position) => ({ vatID: 'v1', position, item })),
  );
  const record = (startPos, items, isCurrent, incarnation) =>
    JSON.stringify({
      vatID: 'v1',
      startPos,
      endPos: startPos + items.length,
      hash: spanHash(items),
      isCurrent,
      incarnation,
    });
  const current = ['transcript.v1.current', record(3, ['three'], 1, 1)];
  const historical = [
    ['transcript.v1.0', record(0, ['zero', 'one'], 0, 0)],
    ['transcript.v1.2', record(2, ['two'], 0, 0)],
  ];
  t.deepEqual([...whole.getExportRecords()], [...historical, current]);
  t.deepEqual([...whole.getExportRecords(true)], [...historical, current]);
  t.deepEqual([...whole.getExportRecords(false)], [current]);
  const namesOf = async mode => {
    const names = [];
    for await (const name of whole.getArtifactNames(mode)) names.push(name);
    return names;
  };
  t.deepEqual(await namesOf('operational'), ['transcript.v1.3.4']);
  t.deepEqual(await namesOf('archival'), ['transcript.v1.0.2', 'transcript.v1.2.3', 'transcript.v1.3.4']);
  const parts = [];
  for await (const part of whole.exportSpan('transcript.v1.0.2')) parts.push(part);
  t.is(Buffer.concat(parts).toString(), 'zero\none\n');

  t.is(await transcriptStore.rolloverSpan('v1'), 1);
  transcriptStore.addItem('v1', 'four');
  t.is(await transcriptStore.rolloverIncarnation('v1'), 2);
  t.like(transcriptStore.getCurrentSpanBounds('v1'), { startPos: 5, endPos: 5, incarnation: 2 });
  await transcriptStore.stopUsingTranscript('v1');
  t.throws(() => transcriptStore.getCurrentSpanBounds('v1'), { message: /no current transcript/ });
  const deletions = transcriptStore.deleteVatTranscripts('v1');
  t.true(deletions.done);
  t.deepEqual([...whole.getExportRecords()], []);
  await t.throwsAsync(transcriptStore.rolloverSpan('v1'));
  await store.hostStorage.close();
});

test('snapshots', async t => {
  const store = initSwingStore(null, { keepSnapshots: true });
  const { snapStore } = store.kernelStorage;
  const whole = store.internal.snapStore;
  const begun = performance.now();
  const saved = await snapStore.saveSnapshot('v1', 1, [SNAPSHOTS[0]]);
  const seconds = (performance.now() - begun) / 1000;
  t.deepEqual(Object.keys(saved), [
    'hash',
    'uncompressedSize',
    'compressSeconds',
    'dbSaveSeconds',
    'archiveWriteSeconds',
    'compressedSize',
  ]);
  t.true(Object.isFrozen(saved));
  t.like(saved, { hash: sha256(SNAPSHOTS[0]), uncompressedSize: 12, archiveWriteSeconds: undefined });
  t.true(saved.compressSeconds > 0 && saved.dbSaveSeconds > 0);
  t.true(saved.compressSeconds + saved.dbSaveSeconds <= seconds);
  await snapStore.saveSnapshot('v1', 3, [SNAPSHOTS[1]]);
  const hashes = SNAPSHOTS.map(sha256);
  t.like(snapStore.getSnapshotInfo('v1'), { snapPos: 3, hash: hashes[1], uncompressedSize: 12 });
  const bytesOf = async source => {
    const parts = [];
    for await (const part of source) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  t.is(await bytesOf(snapStore.loadSnapshot('v1')), 'snapshot two');
  t.is(await bytesOf(whole.exportSnapshot('snapshot.v1.1')), 'snapshot one');
  const record = (snapPos, inUse) => [
    `snapshot.v1.${snapPos}`,
    JSON.stringify({ vatID: 'v1', snapPos, hash: hashes[snapPos === 1 ? 0 : 1], inUse }),
  ];
  const current = ['snapshot.v1.current', 'snapshot.v1.3'];
  t.deepEqual([...whole.getExportRecords()].sort(), [record(1, 0), record(3, 1), current]);
  t.deepEqual([...whole.getExportRecords(false)].sort(), [record(3, 1), current]);
  const namesOf = async mode => {
    const names = [];
    for await (const name of whole.getArtifactNames(mode)) names.push(name);
    return names;
  };
  t.deepEqual(await namesOf('operational'), ['snapshot.v1.3']);
  t.deepEqual((await namesOf('debug')).sort(), ['snapshot.v1.1', 'snapshot.v1.3']);
  t.true(whole.hasHash('v1', hashes[0]));
  t.deepEqual([...whole.listAllSnapshots()].map(({ snapPos, inUse }) => [snapPos, inUse]).sort(), [
    [1, null],
    [3, 1],
  ]);
  whole.deleteSnapshotByHash('v1', hashes[0]);
  t.false(whole.hasHash('v1', hashes[0]));
  snapStore.stopUsingLastSnapshot('v1');
  t.is(snapStore.getSnapshotInfo('v1'), undefined);
  snapStore.deleteAllUnusedSnapshots();
  t.deepEqual([...whole.listAllSnapshots()], []);
  await snapStore.saveSnapshot('v1', 5, [SNAPSHOTS[0]]);
  t.true(snapStore.deleteVatSnapshots('v1').done);
  t.deepEqual([...whole.listAllSnapshots()], []);
  await store.hostStorage.close();
});

test('bundles', async t => {
  const store = initSwingStore();
  const { bundleStore } = store.kernelStorage;
  const whole = store.internal.bundleStore;
  bundleStore.addBundle(scriptID, script);
  t.true(bundleStore.hasBundle(scriptID));
  const found = bundleStore.getBundle(scriptID);
  t.deepEqual(found, script);
  t.true(Object.isFrozen(found));
  // An archive is not looked into when it is added: its ID says what its hash is.
  const zip = Buffer.from('any bytes');
  const hash = createHash('sha512').update(zip).digest('hex');
  const archive = { moduleFormat: 'endoZipBase64', endoZipBase64: zip.toString('base64'), endoZipBase64Sha512: hash };
  bundleStore.addBundle(`b1-${hash}`, archive);
  t.deepEqual(bundleStore.getBundle(`b1-${hash}`), archive);
  t.deepEqual([...whole.getBundleIDs()], [scriptID, `b1-${hash}`]);
  const names = [];
  for await (const name of whole.getArtifactNames()) names.push(name);
  t.deepEqual(names, [`bundle.${scriptID}`, `bundle.b1-${hash}`]);
  t.deepEqual(
    [...whole.getExportRecords()],
    names.map(name => [name, name.slice('bundle.'.length)]),
  );
  const parts = [];
  for await (const part of whole.exportBundle(names[1])) parts.push(part);
  t.deepEqual(Buffer.concat(parts), zip);
  t.deepEqual(Object.keys(store.debug.dump().bundles), [scriptID, `b1-${hash}`]);
  bundleStore.deleteBundle(scriptID);
  t.false(bundleStore.hasBundle(scriptID));
  t.throws(() => bundleStore.getBundle(scriptID), { message: /not found/ });
  // Nothing to delete is nothing to begin a transaction for.
  await store.hostStorage.commit();
  bundleStore.deleteBundle(scriptID);
  t.false(store.internal.db.inTransaction);
  bundleStore.deleteBundle(`b1-${hash}`);
  t.true(store.internal.db.inTransaction);
  await store.hostStorage.close();
});

test('the whole dump, with and without history', async t => {
  const dir = path.join(temporaryDirectory(t, 'api'), 'store');
  const store = initSwingStore(dir, { keepSnapshots: true });
  await fill(store);
  await store.hostStorage.commit();
  t.true(isSwingStore(dir));
  t.is(store.internal.dirPath, dir);
  const { size } = fs.statSync(path.join(dir, 'swingstore.sqlite'));
  t.is(store.hostStorage.diskUsage(), size);
  t.throws(() => store.debug.serialize(), { message: 'on-disk DBs with WAL mode enabled do not serialize well' });
  const whole = store.debug.dump();
  t.true(Object.isFrozen(whole));
  t.deepEqual(whole.kvEntries, { 'host.height': '7', 'v1.key': 'value' });
  t.deepEqual(whole.transcripts, { v1: { 0: 'zero', 1: 'one', 2: 'two', 3: 'three' } });
  t.deepEqual(
    whole.snapshots.v1.map(({ snapPos, inUse, compressedSnapshot }) => [
      snapPos,
      inUse,
      `${gunzipSync(compressedSnapshot)}`,
    ]),
    [
      [1, 0, 'snapshot one'],
      [3, 1, 'snapshot two'],
    ],
  );
  t.deepEqual(whole.bundles, { [scriptID]: Buffer.from(JSON.stringify(script)).toString('base64') });
  t.deepEqual(store.debug.dump(true), whole);
  const current = store.debug.dump(false);
  t.deepEqual(current.transcripts, { v1: { 3: 'three' } });
  t.deepEqual(
    current.snapshots.v1.map(({ snapPos }) => snapPos),
    [3],
  );
  await store.hostStorage.close();

  // Opened again it is the same, also by several at once, and made again it is empty.
  const again = openSwingStore(dir);
  const reader = openSwingStore(dir, { readonly: true });
  t.is(reader.kernelStorage.kvStore.get('v1.key'), 'value');
  await reader.hostStorage.close();
  t.deepEqual(again.debug.dump(), whole);
  await again.hostStorage.close();
  const made = initSwingStore(dir);
  t.deepEqual(made.debug.dump().kvEntries, {});
  await made.hostStorage.close();
});

test('by default, items are kept and snapshots are not', async t => {
  const kept = async options => {
    const store = initSwingStore(null, options);
    await fill(store);
    const { transcripts, snapshots } = store.debug.dump();
    await store.hostStorage.close();
    return [Object.values(transcripts.v1), snapshots.v1.filter(({ compressedSnapshot }) => compressedSnapshot).length];
  };
  t.deepEqual(await kept({}), [['zero', 'one', 'two', 'three'], 1]);
  t.deepEqual(await kept({ keepSnapshots: true }), [['zero', 'one', 'two', 'three'], 2]);
  t.deepEqual(await kept({ keepTranscripts: false }), [['three'], 1]);
  t.deepEqual(await kept({ keepTranscripts: 1, keepSnapshots: 0 }), [['zero', 'one', 'two', 'three'], 1]);
});

test('memory, files, and databases that were serialized', async t => {
  const dir = temporaryDirectory(t, 'api');
  const memory = initSwingStore(null);
  await fill(memory);
  await memory.hostStorage.commit();
  t.is(memory.hostStorage.diskUsage(), 0);
  const serialized = memory.debug.serialize();
  const copy = initSwingStore(null, { serialized });
  t.deepEqual(copy.debug.dump(), memory.debug.dump());
  for (const { hostStorage } of [memory, copy]) await hostStorage.close();
  t.throws(() => initSwingStore(null, { serialized: 'text' }), { message: 'options.serialized must be Buffer' });
  t.throws(() => initSwingStore(dir, { serialized }), { message: 'options.serialized makes :memory: DB' });

  const file = path.join(dir, 'a.sqlite');
  const asFile = initSwingStore(file, { asFile: true });
  asFile.kernelStorage.kvStore.set('key', 'value');
  await asFile.hostStorage.commit();
  t.true(fs.statSync(file).isFile());
  t.is(asFile.internal.dirPath, null);
  t.true(asFile.internal.asFile);
  t.is(asFile.hostStorage.diskUsage(), fs.statSync(file).size);
  t.throws(() => asFile.debug.serialize(), { message: /do not serialize well/ });
  // What somebody has open is not erased.
  t.throws(() => initSwingStore(file, { asFile: true }), { code: 'ERR_SWING_STORE_IN_USE' });
  await asFile.hostStorage.close();
  const reopened = openSwingStore(file, { asFile: true, readonly: true });
  t.is(reopened.kernelStorage.kvStore.get('key'), 'value');
  t.throws(() => reopened.kernelStorage.kvStore.set('key', 'other'), { code: 'SQLITE_READONLY' });
  await reopened.hostStorage.close();
  const writable = openSwingStore(file, { asFile: true, readonly: 0 });
  writable.kernelStorage.kvStore.set('key', 'other');
  await writable.hostStorage.close();
});

test('paths and callbacks of a wrong type', t => {
  for (const wrong of [7, {}, true, Symbol('path')]) {
    t.throws(() => initSwingStore(wrong), { message: 'path must be a string' });
    t.throws(() => openSwingStore(wrong), { message: 'path must be a string' });
    t.throws(() => initSwingStore(null, { exportCallback: wrong }), { message: 'export callback must be a function' });
  }
  for (const nothing of [undefined, null]) {
    t.throws(() => openSwingStore(nothing), { message: 'path must be a string' });
  }
  t.throws(() => initSwingStore(null, { exportCallback: null }), { message: 'export callback must be a function' });
});

test('commits are synced, except in the fast mode', async t => {
  const dir = temporaryDirectory(t, 'api');
  const levels = {};
  for (const [name, options] of Object.entries({
    usual: {},
    fast: { unsafeFastMode: true },
    slow: { unsafeFastMode: 0 },
  })) {
    const { debug, hostStorage } = initSwingStore(path.join(dir, name), options);
    levels[name] = debug.getDatabase().pragma('synchronous', { simple: true });
    await hostStorage.close();
  }
  t.deepEqual(levels, { usual: 2, fast: 1, slow: 2 });
});

test('a failed open leaves nothing open', t => {
  if (process.platform !== 'linux') return t.pass();
  const dir = fs.realpathSync(temporaryDirectory(t, 'api'));
  const file = path.join(dir, 'swingstore.sqlite');
  fs.writeFileSync(file, 'this is no database, however long it may be. '.repeat(100));
  t.throws(() => openSwingStore(dir), { code: 'SQLITE_NOTADB' });
  const open = fs.readdirSync('/proc/self/fd').map(fd => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  t.deepEqual(
    open.filter(target => target.startsWith(dir)),
    [],
  );
  return undefined;
});

test('crank hashes, and the kvStore that has them', async t => {
  for (const wrapKvStore of [undefined, kvStore => kvStore]) {
    const { kernelStorage, hostStorage } = initSwingStore(null, { wrapKvStore });
    const { kvStore, startCrank, endCrank, emitCrankHashes, getActivityhash } = kernelStorage;
    t.is(getActivityhash(), '');
    let activityhash = sha256('activityhash');
    for (const key of ['one', 'two']) {
      startCrank();
      // Remembered as it was before.
      kvStore.get('activityhash');
      kvStore.set(key, 'value');
      const hashes = emitCrankHashes();
      t.true(Object.isFrozen(hashes));
      t.deepEqual(Object.keys(hashes).sort(), ['activityhash', 'crankhash']);
      t.is(hashes.crankhash, sha256(`add\n${key}\nvalue\n`));
      t.not(hashes.activityhash, activityhash);
      ({ activityhash } = hashes);
      t.is(getActivityhash(), activityhash);
      t.is(kvStore.get('activityhash'), activityhash);
      endCrank();
    }
    t.is(activityhash, wrapKvStore ? (t.context.first ?? activityhash) : (t.context.first = activityhash));
    await hostStorage.commit();
    t.is(kvStore.get('activityhash'), activityhash);
    await hostStorage.close();
  }
});

test('a wrapped kvStore that fails leaves the crank as it was', async t => {
  let fails = false;
  const wrapKvStore = base => ({
    ...base,
    set(key, value) {
      if (fails && key === 'activityhash') throw Error('not now');
      base.set(key, value);
    },
  });
  const plain = initSwingStore(null);
  const wrapped = initSwingStore(null, { wrapKvStore });
  for (const { kernelStorage } of [plain, wrapped]) {
    kernelStorage.startCrank();
    kernelStorage.kvStore.set('key', 'value');
  }
  fails = true;
  t.throws(() => wrapped.kernelStorage.emitCrankHashes(), { message: 'not now' });
  fails = false;
  t.deepEqual(wrapped.kernelStorage.emitCrankHashes(), plain.kernelStorage.emitCrankHashes());
  for (const { hostStorage } of [plain, wrapped]) await hostStorage.close();
});

test('a wrapper that fails leaves the file closed', async t => {
  const dir = temporaryDirectory(t, 'store');
  const fail = () => {
    throw Error('no wrapper');
  };
  const lacking = { message: /^specimen is missing path/ };
  for (const [name, wrap, expected] of [
    ['wrapKvStore', fail, { message: 'no wrapper' }],
    ['wrapTranscriptStore', () => undefined, { instanceOf: TypeError }],
    ['wrapSnapStore', () => ({}), lacking],
    ['wrapBundleStore', () => ({}), lacking],
  ]) {
    t.throws(() => openSwingStore(dir, { [name]: wrap }), expected, name);
    // Refused if the file is still open.
    await initSwingStore(dir).hostStorage.close();
  }
});

test('savepoints and rollbacks', async t => {
  const { kernelStorage, hostStorage } = initSwingStore(null);
  const { kvStore, startCrank, establishCrankSavepoint, rollbackCrank, endCrank } = kernelStorage;
  kvStore.set('key', 'before');
  startCrank();
  establishCrankSavepoint('start');
  kvStore.set('key', 'after');
  kvStore.set('new', 'value');
  kvStore.get('key');
  rollbackCrank('start');
  t.is(kvStore.get('key'), 'before');
  t.false(kvStore.has('new'));
  t.is(kvStore.getNextKey('a'), 'key');
  endCrank();
  t.throws(() => rollbackCrank('start'), { message: /savepoint|crank/ });
  await hostStorage.close();
});

test('host keys and kernel keys, with wrappers that see both', async t => {
  for (const isWrapped of [false, true]) {
    const seen = [];
    const wrapKvStore = base => ({
      ...base,
      set: (key, value) => (seen.push(`set ${key}`), base.set(key, value)),
      delete: key => (seen.push(`delete ${key}`), base.delete(key)),
    });
    const { kernelStorage, hostStorage } = initSwingStore(null, isWrapped ? { wrapKvStore } : {});
    const kernel = kernelStorage.kvStore;
    const host = hostStorage.kvStore;
    kernel.set('key', 'value');
    host.set('host.key', 'value');
    for (const [kvStore, key, message] of [
      [kernel, 'host.key', /host/],
      [host, 'key', /host/],
    ]) {
      t.throws(() => kvStore.set(key, 'other'), { message });
      t.throws(() => kvStore.delete(key), { message });
    }
    for (const kvStore of [kernel, host]) {
      t.is(kvStore.get('key'), 'value');
      t.is(kvStore.get('host.key'), 'value');
      t.is(kvStore.getNextKey('a'), 'host.key');
    }
    kernel.delete('key');
    host.delete('host.key');
    t.false(kernel.has('key'));
    t.false(host.has('host.key'));
    t.deepEqual(seen, isWrapped ? ['set key', 'set host.key', 'delete key', 'delete host.key'] : []);
    await hostStorage.close();
  }
});

test('an export callback gets every change, and gets it again after a failure', async t => {
  for (const wrapKvStore of [undefined, kvStore => kvStore]) {
    const calls = [];
    let fails = false;
    const exportCallback = exports => {
      if (fails) throw Error('not now');
      calls.push(exports);
    };
    const { kernelStorage, hostStorage } = initSwingStore(null, { exportCallback, wrapKvStore });
    const { kvStore, startCrank, endCrank } = kernelStorage;
    startCrank();
    kvStore.set('key', 'value');
    kvStore.set('local.key', 'value');
    kvStore.delete('gone');
    fails = true;
    t.throws(endCrank, { message: 'not now' });
    fails = false;
    t.deepEqual(calls, []);
    const record = [
      ['kv.gone', null],
      ['kv.key', 'value'],
    ];
    endCrank();
    t.deepEqual(
      calls.splice(0).map(each => each.sort()),
      [record],
    );
    // A crank in which nothing happened.
    startCrank();
    endCrank();
    t.deepEqual(calls.splice(0).flat(), []);

    kvStore.set('other', 'value');
    hostStorage.kvStore.set('host.key', 'value');
    fails = true;
    await t.throwsAsync(hostStorage.commit(), { message: 'not now' });
    fails = false;
    await hostStorage.commit();
    t.deepEqual(calls.splice(0), [[['kv.other', 'value']]]);
    await hostStorage.commit();
    t.deepEqual(calls.splice(0).flat(), []);
    await hostStorage.close();
  }
});

test('archivers get what is about to be deleted, and are awaited', async t => {
  const log = [];
  const archiveTranscript = async (name, entries) => {
    await sleep(20);
    const parts = [];
    for await (const entry of entries) parts.push(entry);
    log.push([name, Buffer.concat(parts.map(part => Buffer.from(part))).toString()]);
  };
  const archiveSnapshot = async (name, data) => {
    await sleep(20);
    const parts = [];
    for await (const part of [data].flat()) parts.push(part);
    log.push([name, gunzipSync(Buffer.concat(parts)).toString()]);
  };
  const { kernelStorage, hostStorage } = initSwingStore(null, { archiveTranscript, archiveSnapshot });
  const { transcriptStore, snapStore } = kernelStorage;
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', 'zero');
  t.is(await transcriptStore.rolloverSpan('v1'), 0);
  t.deepEqual(log.splice(0), [['transcript.v1.0.1', 'zero\n']]);
  transcriptStore.addItem('v1', 'one');
  t.is(await transcriptStore.rolloverIncarnation('v1'), 1);
  t.deepEqual(log.splice(0), [['transcript.v1.1.2', 'one\n']]);
  const { archiveWriteSeconds } = await snapStore.saveSnapshot('v1', 2, [SNAPSHOTS[0]]);
  t.true(archiveWriteSeconds > 0.01 && archiveWriteSeconds < 20, `${archiveWriteSeconds}`);
  t.deepEqual(log.splice(0), [['snapshot.v1.2', 'snapshot one']]);
  transcriptStore.addItem('v1', 'two');
  await transcriptStore.stopUsingTranscript('v1');
  t.deepEqual(log.splice(0), [['transcript.v1.2.3', 'two\n']]);
  await hostStorage.close();

  // Without an archiver nothing waits; a failing one is heard of, and the span has ended nevertheless.
  const failing = initSwingStore(null, {
    async archiveTranscript() {
      throw Error('the archive is full');
    },
  });
  const { transcriptStore: transcripts } = failing.kernelStorage;
  transcripts.initTranscript('v1');
  transcripts.addItem('v1', 'zero');
  await t.throwsAsync(transcripts.rolloverSpan('v1'), { message: 'the archive is full' });
  t.like(transcripts.getCurrentSpanBounds('v1'), { startPos: 1, endPos: 1 });
  await failing.hostStorage.close();
});

test('the kernel gets wrapped sub-stores', async t => {
  const extra = name => store => ({ ...store, [name]: () => `wrapped ${name}` });
  const store = initSwingStore(null, {
    wrapTranscriptStore: extra('addItem'),
    wrapSnapStore: extra('getSnapshotInfo'),
    wrapBundleStore: extra('hasBundle'),
  });
  const { transcriptStore, snapStore, bundleStore } = store.kernelStorage;
  t.is(transcriptStore.addItem(), 'wrapped addItem');
  t.is(snapStore.getSnapshotInfo(), 'wrapped getSnapshotInfo');
  t.is(bundleStore.hasBundle(), 'wrapped hasBundle');
  await store.hostStorage.close();
  const { addItem, ...others } = store.internal.transcriptStore;
  t.truthy(addItem);
  t.throws(() => initSwingStore(null, { wrapTranscriptStore: () => others }), {
    message: 'specimen is missing path ["addItem"]',
  });
});
