// A failed call changes nothing: contents, cached values, hashes, exports, and the next commit stay the same. Each method
// fails at each of its steps, and the store is compared with one on which the method was never called.
import '@endo/init/debug.js';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import test from 'ava';

import { prepare, storeRecipes } from '../support/common/calls/valid-calls.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { readTables } from '../support/common/observe.mjs';
import { attempt } from '../support/common/outcome.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';

const { api } = subject;
const ours = subjectIsReference ? test.skip : test;

const tables = ['kvStore', 'transcriptItems', 'transcriptSpans', 'snapshots', 'bundles', 'pendingExports'];
const operations = ['INSERT', 'UPDATE', 'DELETE'];
const steps = tables.flatMap(table => operations.map(operation => ({ table, operation })));

/** A prepared store, as bytes. */
const makeImage = async () => {
  const store = reference.api.initSwingStore(null, { exportCallback() {} });
  await prepare(store);
  const image = store.debug.serialize();
  await store.hostStorage.close();
  return image;
};

let image;
test.before(async () => {
  image = await makeImage();
});

/** The methods of a store, by name, with functions that call them. */
const methods = () => {
  const store = api.initSwingStore(null);
  const found = [];
  for (const facet of ['kernelStorage', 'hostStorage', 'internal']) {
    for (const [name, value] of Object.entries(store[facet])) {
      const own = `${facet}.${name}`;
      if (typeof value === 'function' && own in storeRecipes) {
        found.push([own, s => s[facet][name](...storeRecipes[own]({ facet }))]);
      } else if (typeof value === 'object' && value !== null) {
        for (const method of Object.keys(value)) {
          // Methods that the kernel has, too, are the same functions, except for those of the kvStore.
          if (facet === 'internal' && store.kernelStorage[name]?.[method] === value[method]) continue;
          const recipe = storeRecipes[`${name}.${method}`];
          if (recipe) found.push([`${own}.${method}`, s => s[facet][name][method](...recipe({ facet }))]);
        }
      }
    }
  }
  return found.filter(([name]) => !['hostStorage.close', 'internal.db.close'].includes(name) && !name.includes('.db.'));
};

const kvOf = ({ kernelStorage: { kvStore } }) => {
  const seen = [];
  for (let key = ''; (key = kvStore.getNextKey(key)) !== undefined;)
    seen.push([key, kvStore.get(key), kvStore.has(key)]);
  for (const key of ['a', 'b', 'c', 'new', 'host.a', 'activityhash'])
    seen.push([key, kvStore.get(key), kvStore.has(key)]);
  return seen;
};

/** A store in the middle of a crank, with entries in every buffer and cache. */
const enterCrank = ({ kernelStorage }) => {
  const { kvStore, transcriptStore } = kernelStorage;
  kvStore.set('before', 'the crank');
  kernelStorage.startCrank();
  kernelStorage.establishCrankSavepoint('point');
  kvStore.set('a', 'buffered');
  kvStore.set('new', 'buffered');
  kvStore.delete('b');
  transcriptStore.addItem('v1', 'pending');
  for (const key of ['a', 'b', 'c', 'new', 'host.a', 'activityhash']) kvStore.get(key);
};

/** SQL that causes a fault and removes it. */
const refusing = ({ table, operation }) => ({
  set: `CREATE TRIGGER refuse BEFORE ${operation} ON ${table} BEGIN SELECT RAISE(ABORT, 'refused'); END`,
  unset: 'DROP TRIGGER IF EXISTS refuse',
});
const readingOnly = { set: 'PRAGMA query_only=1', unset: 'PRAGMA query_only=0' };

/** The steps of a call, recorded by triggers. */
const stepsOf = async call => {
  const store = api.initSwingStore(null, { serialized: image, exportCallback() {} });
  const db = store.debug.getDatabase();
  db.exec('CREATE TABLE taken (step)');
  for (const [i, { table, operation }] of steps.entries()) {
    db.exec(`CREATE TRIGGER step${i} BEFORE ${operation} ON ${table} BEGIN INSERT INTO taken VALUES (${i}); END`);
  }
  enterCrank(store);
  db.exec('DELETE FROM taken');
  await attempt(() => call(store));
  const taken = db.prepare('SELECT DISTINCT step FROM taken').pluck().all();
  await store.hostStorage.close();
  return taken.map(i => steps[i]);
};

const ends = {
  async goesOn({ kernelStorage, hostStorage }) {
    const { crankhash, activityhash } = kernelStorage.emitCrankHashes();
    return [crankhash, activityhash, await attempt(() => kernelStorage.endCrank()), await attempt(hostStorage.commit)];
  },
  async goesBack(store) {
    const outcome = await attempt(() => store.kernelStorage.rollbackCrank('point'));
    return [outcome, kvOf(store), ...(await ends.goesOn(store))];
  },
};

/** The outcome of a call under a fault, and the visible state afterwards. */
const play = async (impl, fault, call, end) => {
  const exports = [];
  const exportCallback = entries => void exports.push([...entries].map(pair => [...pair]));
  const store = impl.api.initSwingStore(null, { serialized: image, exportCallback });
  enterCrank(store);
  const db = store.debug.getDatabase();
  db.exec(fault.set);
  const outcome = call && (await attempt(() => call(store)));
  db.exec(fault.unset);
  const seen = end && [kvOf(store), readTables(db), exports.length, await ends[end](store), exports, readTables(db)];
  await store.hostStorage.close();
  return { outcome, seen };
};

/** Ours gives every error a code, the reference only SQLite's errors. */
const comparable = outcome => {
  const error = errorOf(outcome);
  if (!error) return outcome;
  const { name, message, code } = error;
  return name === 'SqliteError' ? { name, message, code } : { name, message };
};

const errorOf = ({ throws, rejects } = {}) => throws ?? rejects;

ours('a call that is refused at one of its steps was never made', async t => {
  const failed = new Set();
  const unmade = new Map();
  for (const [name, call] of methods()) {
    const faults = (await stepsOf(call)).map(refusing);
    // Entries that a rollback restores in the buffer can't be flushed while writes fail.
    if (name !== 'kernelStorage.rollbackCrank') faults.push(readingOnly);
    for (const fault of faults) {
      const what = `${name} under ${fault.set}`;
      const { outcome } = await play(subject, fault, call);
      const error = errorOf(outcome);
      if (!error) continue;
      failed.add(name);
      const expected = errorOf((await play(reference, fault, call)).outcome);
      if (error.name === 'SqliteError') t.deepEqual(error, expected, what);
      for (const end of Object.keys(ends)) {
        const { seen } = await play(subject, fault, call, end);
        const key = `${fault.set} ${end}`;
        if (!unmade.has(key)) unmade.set(key, (await play(subject, fault, undefined, end)).seen);
        t.deepEqual(seen, unmade.get(key), `${what}, then ${end}`);
      }
    }
  }
  // The faults reach the steps they are meant for.
  for (const name of [
    'kernelStorage.kvStore.set',
    'kernelStorage.kvStore.delete',
    'hostStorage.kvStore.set',
    'kernelStorage.transcriptStore.addItem',
    'kernelStorage.transcriptStore.rolloverSpan',
    'kernelStorage.transcriptStore.rolloverIncarnation',
    'kernelStorage.transcriptStore.initTranscript',
    'kernelStorage.transcriptStore.stopUsingTranscript',
    'kernelStorage.transcriptStore.deleteVatTranscripts',
    'kernelStorage.snapStore.saveSnapshot',
    'kernelStorage.snapStore.stopUsingLastSnapshot',
    'kernelStorage.snapStore.deleteVatSnapshots',
    'kernelStorage.bundleStore.addBundle',
    'kernelStorage.bundleStore.deleteBundle',
    'kernelStorage.emitCrankHashes',
    'kernelStorage.endCrank',
    'internal.transcriptStore.importTranscriptSpanRecord',
    'internal.transcriptStore.populateTranscriptSpan',
    'internal.snapStore.populateSnapshot',
    'internal.bundleStore.importBundle',
  ]) {
    t.true(failed.has(name), name);
  }
});

ours('a row that a CHECK or a temporary trigger refuses is refused at the call', async t => {
  // A store with these objects can't be opened, so a tool adds them afterwards.
  for (const rule of [
    `DROP TABLE kvStore;
     CREATE TABLE kvStore (key TEXT, value TEXT CHECK (value <> 'bad'), PRIMARY KEY (key))`,
    `CREATE TEMP TRIGGER rule BEFORE INSERT ON main.kvStore WHEN NEW.value = 'bad'
     BEGIN SELECT RAISE(ABORT, 'no'); END`,
  ]) {
    const store = api.initSwingStore(null, { exportCallback() {} });
    const { kernelStorage, hostStorage } = store;
    store.debug.getDatabase().exec(rule);
    kernelStorage.kvStore.set('first', 'goes through');
    kernelStorage.kvStore.set('second', 'goes through');
    const error = t.throws(() => kernelStorage.kvStore.set('third', 'bad'), { name: 'SqliteError' }, rule);
    t.regex(error.code, /^SQLITE_CONSTRAINT_/);
    t.deepEqual(
      kvOf(store).filter(([key]) => key === 'third'),
      [],
    );
    kernelStorage.kvStore.set('fourth', 'another');
    await hostStorage.commit();
    t.is(kernelStorage.kvStore.get('fourth'), 'another');
    await hostStorage.close();
  }
});

/** Lowers the limit of a value's length, for stores that are opened afterwards. */
const limitValues = bytes => {
  const { setLimits } = createRequire(import.meta.url)('../../js/addon/native.js');
  setLimits(JSON.stringify({ valueBytes: bytes }));
};

ours.serial('what is longer than SQLite takes is refused at the call, and was never there', async t => {
  const limit = 4000;
  t.teardown(() => limitValues(undefined));
  limitValues(limit);
  const tooBig = { instanceOf: RangeError, message: 'The bound string, buffer, or bigint is too big' };
  const tooBigRow = { name: 'SqliteError', code: 'SQLITE_TOOBIG', message: 'string or blob too big' };
  const store = api.initSwingStore(null, { exportCallback() {} });
  const { kernelStorage, hostStorage, debug } = store;
  const { kvStore, transcriptStore } = kernelStorage;
  transcriptStore.initTranscript('v1');
  const long = 'x'.repeat(limit + 1);
  const full = 'x'.repeat(limit);
  const acts = [
    [() => kvStore.set('k', long), tooBig],
    [() => kvStore.set('k', '€'.repeat(limit / 2)), tooBig],
    [() => kvStore.set(long, 'v'), tooBig],
    [() => kvStore.delete(long), tooBig],
    [() => kvStore.get(long), tooBig],
    [() => kvStore.has(long), tooBig],
    [() => kvStore.set('k', full), tooBigRow],
    [() => kvStore.set(full.slice(1000), full.slice(2990)), tooBigRow],
    [() => hostStorage.kvStore.set('host.k', long), tooBig],
    [() => transcriptStore.addItem('v1', long), tooBig],
    [() => transcriptStore.addItem('v1', full), tooBigRow],
    [() => transcriptStore.initTranscript(long), tooBig],
    [() => transcriptStore.initTranscript(full), tooBigRow],
    [() => debug.getDatabase().prepare('SELECT ?').get(long), tooBig],
    [() => debug.getDatabase().prepare('SELECT ?').get(Buffer.from(long)), tooBig],
    [() => debug.getDatabase().prepare('SELECT @a').get({ a: long }), tooBig],
    [() => debug.getDatabase().exec(`SELECT zeroblob(${limit}) || 'x'`), tooBigRow],
  ];
  kernelStorage.startCrank();
  kvStore.set('other', 'value');
  for (const [act, expected] of acts) t.throws(act, expected, `${act}`);
  await t.throwsAsync(
    kernelStorage.snapStore.saveSnapshot('v1', 0, [
      Buffer.from(Array.from({ length: 40_000 }, () => Math.random() * 256)),
    ]),
    tooBig,
  );
  t.deepEqual([kvStore.get('k'), kvStore.getNextKey('')], [undefined, 'other']);
  t.is(transcriptStore.getCurrentSpanBounds('v1').endPos, 0);
  t.deepEqual([...store.internal.snapStore.listAllSnapshots()], []);
  // A value just below the limit is accepted and written.
  kvStore.set('k', 'x'.repeat(limit - 20));
  transcriptStore.addItem('v1', 'x'.repeat(limit - 20));
  const { crankhash } = kernelStorage.emitCrankHashes();
  kernelStorage.endCrank();
  await hostStorage.commit();
  t.is(kvStore.get('k').length, limit - 20);
  await hostStorage.close();

  const other = reference.api.initSwingStore(null);
  other.kernelStorage.startCrank();
  other.kernelStorage.kvStore.set('other', 'value');
  other.kernelStorage.kvStore.set('k', 'x'.repeat(limit - 20));
  t.is(other.kernelStorage.emitCrankHashes().crankhash, crankhash);
});

ours('what can not be traced is not written', async t => {
  if (!fs.existsSync('/dev/full')) {
    t.pass('only where there is a device that is always full');
    return;
  }
  const store = api.initSwingStore(null, { serialized: image, traceFile: '/dev/full', exportCallback() {} });
  const { kernelStorage, hostStorage } = store;
  const { kvStore } = kernelStorage;
  const plain = api.initSwingStore(null, { serialized: image, exportCallback() {} });
  kernelStorage.startCrank();
  plain.kernelStorage.startCrank();
  for (const act of [
    () => kvStore.set('a', 'lost'),
    () => kvStore.set('new', 'lost'),
    () => kvStore.delete('a'),
    () => hostStorage.kvStore.set('host.height', '8'),
    () => hostStorage.kvStore.delete('host.height'),
    () => store.internal.kvStore.set('a', 'lost'),
    () => kernelStorage.emitCrankHashes(),
  ]) {
    t.throws(act, { code: 'ENOSPC', message: /traceFile/ }, `${act}`);
    t.deepEqual(kvOf(store), kvOf(plain), `${act}`);
  }
  kernelStorage.endCrank();
  await hostStorage.commit();
  t.deepEqual(readTables(store.debug.getDatabase()), readTables(plain.debug.getDatabase()));
  await hostStorage.close();
  await plain.hostStorage.close();
});

ours('where another connection writes, a call that has to wait too long was never made', async t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-busy-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, 'swingstore.sqlite');
  fs.writeFileSync(file, image);
  const store = api.openSwingStore(dir, { exportCallback() {} });
  const db = store.debug.getDatabase();
  db.pragma('busy_timeout = 1');
  store.kernelStorage.startCrank();
  const before = [kvOf(store), readTables(db)];
  const other = new api.Database(file);
  const failed = [];
  for (const [name, call] of methods()) {
    // These end the crank or need none.
    if (name === 'kernelStorage.endCrank' || name === 'kernelStorage.startCrank') continue;
    other.exec('BEGIN IMMEDIATE');
    const error = errorOf(await attempt(() => call(store)));
    other.exec('ROLLBACK');
    if (error?.code === 'SQLITE_BUSY') failed.push(name);
    t.false(db.inTransaction, name);
    t.deepEqual([kvOf(store), readTables(db)], before, name);
  }
  t.true(failed.includes('kernelStorage.establishCrankSavepoint') && failed.length > 25, `${failed}`);
  other.close();
  // No savepoint was set, so none is released.
  store.kernelStorage.endCrank();
  await store.hostStorage.close();
});

ours('savepoints are in SQL what they are with the reference, until the crank ends', async t => {
  const scripts = [
    'ROLLBACK TO t0',
    'RELEASE t0',
    'ROLLBACK TO t1',
    'RELEASE SAVEPOINT t1',
    '/* back */ rollback to "t0"',
  ];
  const cranks = ['a', 'ar', 'ab', 'abs', 'abr', 'ara', 'arar', 'absb', 'abra', 'ac', 'acb', 'x', ''];
  const act = {
    a: store => store.kernelStorage.establishCrankSavepoint('a'),
    b: store => store.kernelStorage.establishCrankSavepoint('b'),
    r: store => store.kernelStorage.rollbackCrank('a'),
    s: store => store.kernelStorage.rollbackCrank('b'),
    c: store => store.hostStorage.commit(),
    x: store => store.debug.getDatabase().prepare('SELECT * FROM kvStore').all() && undefined,
  };
  for (const unsafeFastMode of [false, true]) {
    for (const crank of cranks) {
      for (const script of scripts) {
        const seen = [];
        for (const impl of [subject, reference]) {
          const log = [];
          const store = impl.api.initSwingStore(null, { unsafeFastMode, exportCallback: e => log.push([...e]) });
          const { kernelStorage, hostStorage, debug } = store;
          const { kvStore } = kernelStorage;
          let n = 0;
          const write = () => kvStore.set(`k${(n += 1)}`, `${n}`);
          const tried = async thunk => comparable(await attempt(thunk));
          const sql = text => tried(() => void debug.getDatabase().exec(text));
          write();
          kernelStorage.startCrank();
          write();
          for (const step of crank) {
            log.push(comparable(await attempt(() => act[step](store))));
            write();
            if (n % 2) log.push(kvOf(store));
          }
          log.push(await sql(script), kvOf(store));
          write();
          log.push(await tried(() => kernelStorage.rollbackCrank('a')), kvOf(store));
          write();
          log.push(await sql(script), kvOf(store));
          log.push(kernelStorage.emitCrankHashes(), await tried(() => kernelStorage.endCrank()), kvOf(store));
          log.push(await tried(hostStorage.commit), await tried(() => kernelStorage.rollbackCrank('a')));
          log.push(await tried(() => kernelStorage.endCrank()), readTables(debug.getDatabase()));
          await hostStorage.close();
          seen.push(log);
        }
        t.deepEqual(seen[0], seen[1], `${crank}, ${script}, ${unsafeFastMode}`);
      }
    }
  }
});

ours('a savepoint to which a crank has returned ends with it', async t => {
  const store = api.initSwingStore(null);
  const { kvStore, startCrank, establishCrankSavepoint, rollbackCrank, endCrank } = store.kernelStorage;
  const db = store.debug.getDatabase();
  startCrank();
  kvStore.set('before', '1');
  establishCrankSavepoint('a');
  db.exec('SELECT 1');
  rollbackCrank('a');
  kvStore.set('after', '1');
  endCrank();
  t.throws(() => db.exec('ROLLBACK TO t0'), { code: 'SQLITE_ERROR', message: 'no such savepoint: t0' });
  t.deepEqual([kvStore.get('before'), kvStore.get('after')], ['1', '1']);
  await store.hostStorage.close();
});
