// The results and files of exports, imports and tools, in a process without SES and the reference. Fast, and locates most
// faults of js/transfer and js/tools.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';

import * as api from '../../index.mjs';
import { makeSmallStore } from '../support/api/small-store.mjs';
import { temporaryPaths } from '../support/common/temporary-directory.mjs';
import { useLimits } from '../support/common/small-limits.mjs';

const sha256 = data => createHash('sha256').update(data).digest('hex');
const script = { moduleFormat: 'nestedEvaluate', source: '1 + 1', sourceMap: '' };
const scriptID = `b0-${sha256(JSON.stringify(script))}`;

/** A store with three spans, two snapshots and a bundle. */
const makeStore = (dir, options) =>
  makeSmallStore(api, dir, { options, more: ({ bundleStore }) => bundleStore.addBundle(scriptID, script) });

const NAMES = {
  operational: ['snapshot.v1.2', 'transcript.v1.2.3', `bundle.${scriptID}`],
  archival: ['snapshot.v1.2', 'transcript.v1.0.1', 'transcript.v1.1.2', 'transcript.v1.2.3', `bundle.${scriptID}`],
  debug: [
    'snapshot.v1.1',
    'snapshot.v1.2',
    'transcript.v1.0.1',
    'transcript.v1.1.2',
    'transcript.v1.2.3',
    `bundle.${scriptID}`,
  ],
};

const all = async source => {
  const found = [];
  for await (const each of source) found.push(each);
  return found;
};

/** An export as plain data. */
const readExport = async (dir, artifactMode) => {
  const exporter = api.makeSwingStoreExporter(dir, { artifactMode });
  const records = await all(exporter.getExportData());
  const artifacts = [];
  for (const name of await all(exporter.getArtifactNames())) {
    artifacts.push([name, Buffer.concat(await all(exporter.getArtifact(name)))]);
  }
  await exporter.close();
  return { records, artifacts };
};

/** An exporter of plain data that logs what it is asked. */
const exporterOf = ({ records, artifacts }, log = []) => ({
  async *getExportData() {
    for (const record of records) {
      if (record instanceof Error) throw record;
      yield record;
    }
    log.push('records');
  },
  async *getArtifactNames() {
    for (const [name] of artifacts) yield name;
  },
  async *getArtifact(name) {
    log.push(`begin ${name}`);
    const [, data] = artifacts.find(([known]) => known === name);
    for (const part of [data].flat()) {
      if (part instanceof Error) throw part;
      yield part;
    }
    log.push(`end ${name}`);
  },
  async close() {
    log.push('close');
  },
});

/** The number of files below a directory that this process has open, if the system reports them. */
const openFiles = dir => {
  if (process.platform !== 'linux') return 0;
  const real = fs.realpathSync(dir);
  const targets = fs.readdirSync('/proc/self/fd').map(fd => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // closed meanwhile
    }
  });
  return targets.filter(target => target.startsWith(real)).length;
};

/** A store's contents, from outside. */
const dumpOf = async dir => {
  const { debug, hostStorage } = api.openSwingStore(dir, { readonly: true });
  const dump = debug.dump();
  await hostStorage.close();
  return dump;
};

test('an exporter', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  for (const [artifactMode, names] of Object.entries(NAMES)) {
    const exporter = api.makeSwingStoreExporter(at('store'), { artifactMode });
    t.true(Object.isFrozen(exporter));
    t.deepEqual((await all(exporter.getArtifactNames())).sort(), [...names].sort());
    await exporter.close();
  }
  const exporter = api.makeSwingStoreExporter(at('store'));
  t.deepEqual((await all(exporter.getArtifactNames())).sort(), [...NAMES.operational].sort());
  t.is(exporter.getHostKV('host.height'), '7');
  t.is(exporter.getHostKV('host.other'), undefined);
  const keys = (await all(exporter.getExportData())).map(([key]) => key);
  t.deepEqual(
    keys.filter(key => key.startsWith('kv.')),
    ['kv.key'],
  );
  t.is(`${Buffer.concat(await all(exporter.getArtifact('snapshot.v1.2')))}`, 'snapshot two');
  t.is(`${Buffer.concat(await all(exporter.getArtifact('transcript.v1.2.3')))}`, 'two\n');

  // What is under way when it is closed, and what begins later.
  const records = exporter.getExportData();
  const artifact = exporter.getArtifact('snapshot.v1.2');
  const names = exporter.getArtifactNames();
  for (const iterator of [records, artifact, names]) t.false((await iterator.next()).done);
  await exporter.close();
  const message = 'The database connection is not open';
  for (const iterator of [records, artifact, names]) await t.throwsAsync(iterator.next(), { message });
  t.throws(() => exporter.getHostKV('host.height'), { message });
  t.throws(() => exporter.getArtifactNames(), { message });
  t.throws(() => exporter.getArtifact('snapshot.v1.2'), { message });
  await t.throwsAsync(all(exporter.getExportData()), { message });
  for (const wrong of [undefined, 7]) {
    t.throws(() => api.makeSwingStoreExporter(wrong), { message: 'dirPath must be a string' });
  }
  t.throws(() => api.makeSwingStoreExporter(at('store'), { artifactMode: 'most' }), { message: /most/ });
});

test('an import equals its export, and a commit publishes it', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  for (const [mode, expected] of Object.entries({
    operational: [['two'], 1],
    archival: [['zero', 'one', 'two'], 1],
    debug: [['zero', 'one', 'two'], 2],
  })) {
    const dir = at(mode);
    await makeStore(dir);
    const exporter = api.makeSwingStoreExporter(at('store'), { artifactMode: mode });
    const { hostStorage, debug, ...others } = await api.importSwingStore(exporter, dir, {
      artifactMode: mode,
      keepSnapshots: true,
    });
    t.deepEqual(others, {});
    const { kvEntries, transcripts, snapshots, bundles } = debug.dump();
    t.deepEqual(kvEntries, { key: 'value' });
    t.deepEqual(Object.values(transcripts.v1), expected[0], mode);
    t.is(snapshots.v1.filter(({ compressedSnapshot }) => compressedSnapshot).length, expected[1], mode);
    t.deepEqual(Object.keys(bundles), [scriptID]);
    // The old store is there until then.
    t.is((await dumpOf(dir)).kvEntries['host.height'], '7');
    t.true(hostStorage.diskUsage() > 0);
    await hostStorage.commit();
    t.is(hostStorage.diskUsage(), fs.statSync(path.join(dir, 'swingstore.sqlite')).size);
    t.is((await dumpOf(dir)).kvEntries['host.height'], undefined);
    hostStorage.kvStore.set('host.height', '8');
    await hostStorage.commit();
    await hostStorage.close();
    t.is((await dumpOf(dir)).kvEntries['host.height'], '8');
    // The exporter was closed.
    t.throws(() => exporter.getHostKV('host.height'), { message: /not open/ });
  }
  t.deepEqual(fs.readdirSync(at('.')).sort(), ['archival', 'debug', 'operational', 'store']);

  // In memory and on disk, in the fast mode by default. On disk, the first commit ends a mode without syncs.
  for (const [name, options, synchronous, journal] of [
    ['fast', {}, 1, 'off'],
    ['safe', { unsafeFastMode: false }, 2, 'wal'],
  ]) {
    const memory = await api.importSwingStore(api.makeSwingStoreExporter(at('store')), null, options);
    t.deepEqual(memory.debug.dump().kvEntries, { key: 'value' });
    t.is(memory.debug.getDatabase().pragma('synchronous', { simple: true }), synchronous);
    await memory.hostStorage.close();
    const { hostStorage, debug } = await api.importSwingStore(
      api.makeSwingStoreExporter(at('store')),
      at(name),
      options,
    );
    const modes = () => ['synchronous', 'journal_mode'].map(mode => debug.getDatabase().pragma(mode, { simple: true }));
    t.is(modes()[0], 0);
    await hostStorage.commit();
    t.deepEqual(modes(), [synchronous, journal]);
    await hostStorage.close();
  }
  const unnamed = await api.importSwingStore(api.makeSwingStoreExporter(at('store')));
  t.is(unnamed.hostStorage.diskUsage(), 0);
  await unnamed.hostStorage.close();
});

test('an import that is closed without a commit leaves the old store', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  const before = await dumpOf(at('store'));
  const files = () => fs.readdirSync(at('.'), { recursive: true }).sort();
  const found = files();
  const exporter = api.makeSwingStoreExporter(at('store'));
  const { hostStorage } = await api.importSwingStore(exporter, at('store'));
  await hostStorage.close();
  t.deepEqual(await dumpOf(at('store')), before);
  t.deepEqual(files(), found);
  for (const wrong of [7, {}, true]) {
    await t.throwsAsync(api.importSwingStore(exporter, wrong), { message: 'dirPath must be a string' });
  }
  await t.throwsAsync(api.importSwingStore(exporterOf({}), at('store'), { artifactMode: 'most' }), { message: /most/ });
  await t.throwsAsync(api.importSwingStore(exporterOf({}), at('store'), { exportCallback: 7 }), {
    message: 'export callback must be a function',
  });
  t.deepEqual(files(), found);
});

test('artifacts are read one after the other, and the exporter is closed at the end', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  const plain = await readExport(at('store'), 'archival');
  const log = [];
  const { hostStorage } = await api.importSwingStore(exporterOf(plain, log), null, { artifactMode: 'archival' });
  t.deepEqual(log, ['records', ...plain.artifacts.flatMap(([name]) => [`begin ${name}`, `end ${name}`]), 'close']);
  await hostStorage.close();

  // An artifact that is not wanted is not read.
  log.length = 0;
  const some = await api.importSwingStore(exporterOf(plain, log), null, { artifactMode: 'operational' });
  t.deepEqual(
    log.filter(line => line.startsWith('begin')),
    ['snapshot.v1.2', 'transcript.v1.2.3', `bundle.${scriptID}`].map(name => `begin ${name}`),
  );
  await some.hostStorage.close();
});

test('an artifact that an export has twice is refused', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  const { records, artifacts } = await readExport(at('store'), 'archival');
  for (const historicalSpans of ['rows', 'compressed']) {
    for (const [twice] of artifacts.filter(([name]) => name.startsWith('transcript'))) {
      const log = [];
      const exporter = {
        ...exporterOf({ records, artifacts }, log),
        getArtifactNames: async function* names() {
          for (const [name] of artifacts) yield* name === twice ? [name, name] : [name];
        },
      };
      await t.throwsAsync(
        api.importSwingStore(exporter, at('into'), { artifactMode: 'archival', historicalSpans }),
        { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' },
        `${twice} ${historicalSpans}`,
      );
    }
  }
});

test('a span that fails ends the import, even if the next artifact never arrives', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  const { records, artifacts } = await readExport(at('store'), 'archival');
  const spans = artifacts.filter(([name]) => name.startsWith('transcript'));
  t.true(spans.length >= 3);
  const [[bad, data]] = spans;
  const begun = [];
  const exporter = {
    ...exporterOf({ records, artifacts: spans }),
    getArtifact(name) {
      begun.push(name);
      if (name === bad)
        return exporterOf({ artifacts: [[bad, [...[data].flat(), Buffer.from('more\n')]]] }).getArtifact(bad);
      return { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
    },
  };
  await t.throwsAsync(api.importSwingStore(exporter, at('into'), { artifactMode: 'archival' }), {
    message: `artifact "${bad}" is not complete`,
  });
  t.true(begun.length <= 2, 'no further artifact is read');
  t.false(fs.existsSync(path.join(at('into'), 'swingstore.sqlite')));
});

test('faulty exports', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  const plain = await readExport(at('store'), 'operational');
  const attempt = async (change, message, options = {}) => {
    const { records, artifacts } = change(structuredClone(plain));
    const log = [];
    await t.throwsAsync(api.importSwingStore(exporterOf({ records, artifacts }, log), at('into'), options), {
      message,
    });
    // The import leaves no store and no part of one, and does not close the exporter.
    t.deepEqual(
      fs.readdirSync(at('.'), { recursive: true }).filter(name => /sqlite/.test(name)),
      [path.join('store', 'swingstore.sqlite')],
    );
    t.false(log.includes('close'));
    t.is(openFiles(at('.')), 0);
  };
  const withRecord =
    (...more) =>
    ({ records, artifacts }) => ({ records: [...records, ...more], artifacts });
  const withArtifacts =
    change =>
    ({ records, artifacts }) => ({ records, artifacts: change(artifacts) });
  await attempt(withRecord(['other.thing', 'value']), 'unknown export-data type "other" on import');
  await attempt(withRecord(['kv.key', 7]), /must be a string/);
  await attempt(withRecord(Error('lost')), 'lost');
  // The first failure is reported.
  await attempt(withRecord(['kv.key', 7], Error('lost')), /must be a string/);
  await attempt(whole => whole, /incomplete archival/, { artifactMode: 'archival' });
  const wrapKvStore = () => {
    throw Error('no wrapper');
  };
  await attempt(whole => whole, 'no wrapper', { wrapKvStore });
  // In memory, too: a failed import closes its store, and reports its own error if there is no store yet.
  await t.throwsAsync(api.importSwingStore(exporterOf(plain), null, { wrapKvStore }), { message: 'no wrapper' });
  let kvStore;
  const keepKvStore = made => {
    kvStore = made;
    return made;
  };
  const lost = exporterOf({ ...plain, records: [Error('lost')] });
  await t.throwsAsync(api.importSwingStore(lost, null, { wrapKvStore: keepKvStore }), { message: 'lost' });
  t.throws(() => kvStore.get('key'), { code: 'ERR_SWING_STORE_CLOSED' });
  await attempt(
    withArtifacts(artifacts => [['other.v1', Buffer.from('x')], ...artifacts]),
    'unknown artifact type "other" on import',
  );
  await attempt(
    withArtifacts(() => []),
    /incomplete|missing/,
  );
  await attempt(
    withArtifacts(() => []),
    /incomplete|missing/,
    { artifactMode: 'debug' },
  );
  for (const { length, ...at1 } of [plain.artifacts]) {
    for (const index of Object.keys(at1).map(Number)) {
      t.true(index < length);
      await attempt(
        withArtifacts(artifacts =>
          artifacts.map(([name, data], i) => [name, i === index ? Buffer.from('spoiled') : data]),
        ),
        /hash|spoiled|JSON|mismatch|corrupt/,
      );
      await attempt(
        withArtifacts(artifacts => artifacts.map(([name, data], i) => [name, i === index ? Error('lost') : data])),
        'lost',
      );
    }
  }
  // A failure of an earlier artifact takes precedence over the exporter's, although it is detected later.
  const [snapshot, whole] = plain.artifacts.find(([name]) => name.startsWith('snapshot'));
  const failing = {
    ...exporterOf({ ...plain, artifacts: [[snapshot, Buffer.from('spoiled')]] }),
    async *getArtifactNames() {
      yield snapshot;
      throw Error('the exporter failed');
    },
  };
  await t.throwsAsync(api.importSwingStore(failing, at('into')), { message: /hash/ });
  failing.getArtifact = () => [whole];
  await t.throwsAsync(api.importSwingStore(failing, at('into')), { message: 'the exporter failed' });
  // The first failure is that of a snapshot, which is detected at the end of its stream.
  const spoilFirst = artifacts =>
    artifacts.map(([name, data], i) => [
      name,
      name.startsWith('snapshot') ? Buffer.from('spoiled') : i > 0 ? Error('lost') : data,
    ]);
  await attempt(withArtifacts(spoilFirst), /hash/);
});

test('repeated and deleted records', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  const plain = await readExport(at('store'), 'operational');
  const records = [
    ['kv.key', 'first'],
    ['kv.gone', 'value'],
    ['bundle.b0-none', 'b0-none'],
    ['bundle.b1-none', 'b1-none'],
    ...plain.records.filter(([key]) => key !== 'kv.key'),
    ['kv.gone', null],
    ['kv.never', undefined],
    ['bundle.b0-none', null],
    ['bundle.b1-none', undefined],
    ['kv.key', 'last'],
    ['kv.kv.key', 'nested'],
    ['kv.', 'no key'],
    ['kv', 'no key at all'],
  ];
  const seen = [];
  const wrapKvStore = base => ({
    ...base,
    set: (key, value) => (seen.push([key, value]), base.set(key, value)),
    delete: key => (seen.push([key]), base.delete(key)),
  });
  const expected = { key: 'last', 'kv.key': 'nested', '': 'no key at all' };
  for (const limits of ['tiny', 'default']) {
    useLimits(limits);
    for (const options of [{}, { wrapKvStore }]) {
      const { debug, hostStorage } = await api.importSwingStore(exporterOf({ ...plain, records }), null, options);
      t.deepEqual(debug.dump().kvEntries, expected);
      t.deepEqual(Object.keys(debug.dump().bundles), [scriptID]);
      await hostStorage.close();
    }
  }
  const wrapped = [
    ['key', 'first'],
    ['gone', 'value'],
    ['gone'],
    ['never'],
    ['key', 'last'],
    ['kv.key', 'nested'],
    ['', 'no key'],
    ['', 'no key at all'],
  ];
  t.deepEqual(seen, [...wrapped, ...wrapped]);
});

test('many entries are stored in order while the next are read', async t => {
  useLimits('tiny');
  const entries = Array.from({ length: 300 }, (_, i) => [`key.${i % 100}`, `${i}`]);
  const records = entries.map(([key, value]) => [`kv.${key}`, value]);
  const { debug, hostStorage } = await api.importSwingStore(exporterOf({ records, artifacts: [] }), null);
  t.deepEqual(debug.dump().kvEntries, Object.fromEntries(entries));
  await hostStorage.close();
  useLimits('default');
  // One that fails is heard of, though others follow.
  await t.throwsAsync(
    api.importSwingStore(
      exporterOf({
        records: [
          ['kv.a', 'b'],
          ['kv.host.key', 'c'],
          ['kv.d', 'e'],
        ],
        artifacts: [],
      }),
      null,
    ),
    { message: /host/ },
  );
});

test('only missing records are added from an export', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  const plain = await readExport(at('store'), 'operational');
  const store = api.openSwingStore(at('store'));
  const db = store.debug.getDatabase();
  db.exec('DELETE FROM transcriptSpans WHERE isCurrent IS NULL OR isCurrent = 0');
  db.exec('DELETE FROM snapshots WHERE inUse IS NULL');
  const log = [];
  const spansOf = () => [...store.internal.transcriptStore.getExportRecords()].length;
  const snapshotsOf = () => [...store.internal.snapStore.getExportRecords()].length;
  t.deepEqual([spansOf(), snapshotsOf()], [1, 2]);
  await store.hostStorage.repairMetadata(
    exporterOf({ ...plain, records: [...plain.records, ['kv.other', 'value']] }, log),
  );
  t.deepEqual([spansOf(), snapshotsOf()], [3, 3]);
  t.false(store.kernelStorage.kvStore.has('other'));
  t.deepEqual(log, ['records', 'close']);
  // One that says something else, and one of a kind that does not exist.
  const wrong = plain.records.map(([key, value]) => [key, value.replace(/"hash":"../, '"hash":"zz')]);
  await t.throwsAsync(store.hostStorage.repairMetadata(exporterOf({ ...plain, records: wrong }, log)), {
    message: /mismatch|differ|repair/,
  });
  await t.throwsAsync(
    store.hostStorage.repairMetadata(exporterOf({ records: [['other.thing', '']], artifacts: [] }, log)),
    {
      message: 'unknown export-data type in key "other.thing" on repairMetadata',
    },
  );
  for (const [key, value] of plain.records.filter(([name]) => /^(bundle|snapshot|transcript)/.test(name))) {
    await store.hostStorage.repairMetadata(exporterOf({ records: [[key, value]], artifacts: [] }, log));
  }
  t.deepEqual(log.filter(line => line === 'close').length, 1 + plain.records.length - 1);
  // An incomplete store is reported.
  db.exec('DELETE FROM transcriptItems');
  await t.throwsAsync(store.hostStorage.repairMetadata(exporterOf({ records: [], artifacts: [] }, log)), {
    message: /incomplete/,
  });
  await store.hostStorage.close();
});

test('export to a directory, and import', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  await t.throwsAsync(api.exportSwingStoreToDirectory(at('store'), at('export'), { blockHeight: 8 }), {
    code: 'ERR_SWING_STORE_HEIGHT',
  });
  const told = [];
  const report = await api.exportSwingStoreToDirectory(at('store'), at('export'), {
    artifactMode: 'debug',
    onProgress: progress => told.push(progress),
  });
  t.true(told.length > 0);
  t.is(fs.readdirSync(at('export')).filter(name => NAMES.debug.includes(name)).length, NAMES.debug.length, `${report}`);
  await makeStore(at('into'));
  const imported = await api.importSwingStoreFromDirectory(at('export'), at('into'), {
    artifactMode: 'debug',
    keepSnapshots: true,
  });
  t.deepEqual(Object.keys(imported), ['hostStorage', 'debug', 'blockHeight']);
  t.true(Object.isFrozen(imported));
  t.is(imported.blockHeight, 7);
  t.is(imported.debug.getDatabase().pragma('synchronous', { simple: true }), 0);
  t.true(imported.debug.getDatabase().inTransaction);
  t.is((await dumpOf(at('into'))).kvEntries['host.height'], '7');
  await imported.hostStorage.commit();
  await imported.hostStorage.close();
  const { kvEntries, ...contents } = await dumpOf(at('store'));
  t.truthy(kvEntries);
  t.like(await dumpOf(at('into')), contents);
  t.deepEqual(fs.readdirSync(at('.')).sort(), ['export', 'into', 'store']);
  t.true((await api.diffSwingStores(at('store'), at('into'), { artifactMode: 'debug', contents: true })).same);
  t.true((await api.diffSwingStores(at('store'), at('export'), { artifactMode: 'debug', contents: true })).same);
  await api.repairSwingStoreFromDirectory(at('export'), at('store'));
});

test('the place of an import', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  const makeExporter = () => api.makeSwingStoreExporter(at('store'));
  await api.exportSwingStoreToDirectory(at('store'), at('export'));
  // Who has it open is asked before anything is done, unless this process may still close it.
  for (const asFile of [false, true]) {
    const place = at(`${asFile}`);
    const open = api.initSwingStore(place, { asFile });
    await open.hostStorage.commit();
    const code = 'ERR_SWING_STORE_IN_USE';
    await t.throwsAsync(api.importSwingStoreFromDirectory(at('export'), place, { asFile }), { code });
    const { hostStorage, debug } = await api.importSwingStore(makeExporter(), place, { asFile });
    const db = debug.getDatabase();
    t.deepEqual(
      [db.readonly, db.memory, db.name],
      [false, false, asFile ? place : path.join(place, 'swingstore.sqlite')],
    );
    await t.throwsAsync(hostStorage.commit(), { code });
    await open.hostStorage.close();
    await hostStorage.commit();
    hostStorage.kvStore.set('host.key', 'value');
    await hostStorage.commit();
    await hostStorage.close();
    const found = api.openSwingStore(place, { asFile, readonly: true });
    t.is(found.kernelStorage.kvStore.get('host.key'), 'value');
    await found.hostStorage.close();
  }
  // Who closes while a commit is under way waits for it.
  const { hostStorage } = await api.importSwingStore(makeExporter(), at('closed'));
  const committing = hostStorage.commit();
  await hostStorage.close();
  await committing;
  t.is((await dumpOf(at('closed'))).kvEntries.key, 'value');
});

test('options of exports to a directory, and of imports from one', async t => {
  const at = temporaryPaths(t, 'transfer');
  await makeStore(at('store'));
  const isExported = name =>
    fs
      .readdirSync(at(name))
      .filter(file => NAMES.debug.includes(file))
      .sort();
  const sorted = names => [...names].sort();
  const doExport = (name, options) => api.exportSwingStoreToDirectory(at('store'), at(name), options);
  await doExport('default');
  t.deepEqual(isExported('default'), sorted(NAMES.operational));
  t.true(fs.existsSync(at('default', 'export-data.jsonl')));
  await doExport('none', { artifactMode: 'none', exportDataMode: 'all' });
  t.deepEqual(isExported('none'), []);
  t.true(fs.existsSync(at('none', 'export-data.jsonl')));
  await doExport('skip', { exportDataMode: 'skip', artifactMode: 'archival', blockHeight: 7 });
  t.deepEqual(isExported('skip'), sorted(NAMES.archival));
  t.false(fs.existsSync(at('skip', 'export-data.jsonl')));
  const code = 'ERR_SWING_STORE_ARGUMENT';
  for (const [options, message] of [
    [{ artifactMode: 'most' }, /most/],
    [{ exportDataMode: 'none' }, /^invalid exportDataMode "none"/],
    [{ exportDataMode: '' }, /^invalid exportDataMode ""/],
    [{ blockHeight: '7' }, 'blockHeight must be a number'],
    [{ onProgress: 7 }, 'onProgress must be a function'],
  ]) {
    await t.throwsAsync(doExport('wrong', options), { message });
  }
  t.false(fs.existsSync(at('wrong')));
  await t.throwsAsync(api.exportSwingStoreToDirectory(7, at('wrong')), { message: 'dirPath must be a string', code });
  await t.throwsAsync(api.exportSwingStoreToDirectory(at('store'), 7), { message: 'exportDir must be a string', code });

  const doImport = (name, options) => api.importSwingStoreFromDirectory(at('default'), at(name), options);
  for (const [options, message] of [
    [{ artifactMode: 'none' }, /none/],
    [{ artifactMode: 'most' }, /most/],
    [{ exportDataMode: 'skip' }, /^invalid exportDataMode "skip"/],
    [{ exportDataMode: 'repair-metadata' }, /repairSwingStoreFromDirectory/],
    [{ readonly: true }, /readonly/],
    [{ serialized: Buffer.from('x') }, /serialized/],
    [{ exportCallback: 7 }, 'export callback must be a function'],
    [{ unsafeFastMode: 1 }, 'unsafeFastMode must be a boolean'],
    [{ asFile: 'yes' }, 'asFile must be a boolean'],
  ]) {
    await t.throwsAsync(doImport('wrong', options), { message });
  }
  for (const wrong of [7, '']) {
    await t.throwsAsync(api.importSwingStoreFromDirectory(at('default'), wrong), {
      message: 'dirPath must be a string',
      code,
    });
    await t.throwsAsync(api.repairSwingStoreFromDirectory(at('default'), wrong), {
      message: 'dirPath must be a string',
      code,
    });
  }
  await t.throwsAsync(api.importSwingStoreFromDirectory(7, at('wrong')), {
    message: 'exportDir must be a string',
    code,
  });
  await t.throwsAsync(api.repairSwingStoreFromDirectory(7, at('store')), {
    message: 'exportDir must be a string',
    code,
  });
  await t.throwsAsync(doImport('wrong', { blockHeight: 8 }), { code: 'ERR_SWING_STORE_HEIGHT' });
  await t.throwsAsync(api.importSwingStoreFromDirectory(at('nowhere'), at('wrong')), { code: 'ENOENT' });
  await t.throwsAsync(doImport('wrong', { artifactMode: 'archival' }), { message: /operational|archival/ });
  const failing = () => {
    throw Error('no wrapper');
  };
  await t.throwsAsync(doImport('wrong', { wrapKvStore: failing }), { message: 'no wrapper' });
  const tooLate = new AbortController();
  const onProgress = ({ stage }) => {
    if (stage === 'done') tooLate.abort(Error('too late'));
  };
  const { signal } = tooLate;
  await t.throwsAsync(doImport('wrong', { onProgress, signal }), { message: 'too late' });
  await t.throwsAsync(doImport('wrong', { signal: AbortSignal.abort(Error('too early')) }), { message: 'too early' });
  const throws = () => {
    throw Error('from the callback');
  };
  await t.throwsAsync(doImport('wrong', { onProgress: throws }), { message: 'from the callback' });
  t.false(api.isSwingStore(at('wrong')));
  t.is(openFiles(at('.')), 0);
  t.deepEqual(
    fs.readdirSync(at('.'), { recursive: true }).filter(name => name.includes('import')),
    [],
  );

  const exported = [];
  const imported = await doImport('right', {
    artifactMode: 'operational',
    exportDataMode: 'all',
    readonly: false,
    serialized: undefined,
    unsafeFastMode: false,
    blockHeight: 7,
    exportCallback: records => exported.push(...records),
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  await imported.hostStorage.commit();
  t.deepEqual(
    exported.filter(([key]) => key.startsWith('kv.')),
    [['kv.key', 'value']],
  );
  await imported.hostStorage.close();
  // Without a callback nothing is kept for one.
  const quiet = await doImport('quiet', {});
  await quiet.hostStorage.commit();
  t.is(quiet.debug.getDatabase().prepare('SELECT count(*) FROM pendingExports').pluck().get(), 0);
  await quiet.hostStorage.close();
});
