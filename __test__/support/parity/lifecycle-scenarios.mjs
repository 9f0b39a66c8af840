// Scenarios of a store's life: opening, options, closing, files.
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { gunzipSync } from 'node:zlib';
import tmp from 'tmp';
import { hostAdditions } from '../common/additions.mjs';
import { bundles } from '../common/bundles.mjs';
import { exportInMode, look, readExporter, readTables } from '../common/observe.mjs';
import { drain, drainAsync } from '../common/outcome.mjs';

const fill = async (store, { commit = true } = {}) => {
  const { kernelStorage, hostStorage } = store;
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  hostStorage.kvStore.set('host.height', '7');
  kvStore.set('a', '1');
  kvStore.set('local.b', '2');
  for (const vatID of ['v1', 'v2']) {
    transcriptStore.initTranscript(vatID);
    transcriptStore.addItem(vatID, 'one');
    await transcriptStore.rolloverSpan(vatID);
    transcriptStore.addItem(vatID, 'two');
  }
  await transcriptStore.rolloverIncarnation('v1');
  transcriptStore.addItem('v1', 'three');
  await snapStore.saveSnapshot('v1', 1, [Buffer.from('image')]);
  bundleStore.addBundle(bundles.b0a.id, bundles.b0a.bundle);
  bundleStore.addBundle(bundles.b1a.id, bundles.b1a.bundle);
  if (commit) await hostStorage.commit();
};

const tablesOf = store => readTables(store.debug.getDatabase());

const shapeOf = value =>
  Object.fromEntries(
    Object.keys(value)
      .sort()
      .map(key => [key, typeof value[key]]),
  );

/** Waits until a stream's data has arrived. */
const settled = async file => {
  let before;
  for (let i = 0; i < 100; i += 1) {
    await new Promise(resolve => setTimeout(resolve, 20));
    const now = fs.existsSync(file) ? fs.readFileSync(file) : undefined;
    if (now && before && now.equals(before) && i > 5) return now;
    before = now;
  }
  return before;
};

// Tries each argument list separately, and closes what it opens.
const tryAll = async (attempt, lists, call) => {
  const seen = [];
  for (const list of lists) {
    const outcome = await attempt(() => call(...list));
    const store = outcome.returns || outcome.resolves;
    if (store && typeof store === 'object' && 'hostStorage' in store) {
      await store.hostStorage.close();
      seen.push('a store');
    } else if (store && typeof store === 'object' && 'getExportData' in store) {
      await store.close();
      seen.push('an exporter');
    } else {
      seen.push(outcome);
    }
  }
  return seen;
};

export const lifecycleScenarios = {
  'the shape of a store': async ({ api, dir }) => {
    const store = api.initSwingStore(dir);
    const seen = { store: shapeOf(store) };
    for (const [name, facet] of Object.entries(store)) {
      seen[name] = shapeOf(facet);
      for (const [inner, value] of Object.entries(facet)) {
        if (/Store$/.test(inner)) seen[`${name}.${inner}`] = shapeOf(value);
      }
    }
    for (const name of hostAdditions) delete seen.hostStorage[name];
    // The databases differ, and a sub-store may have additional methods.
    const frozen = [store, ...Object.values(store)];
    seen.frozen = frozen.map(Object.isFrozen);
    seen.kernelFrozen = Object.values(store.kernelStorage).map(Object.isFrozen);
    seen.dirPath = typeof store.internal.dirPath;
    seen.asFile = store.internal.asFile;
    await store.hostStorage.close();
    return seen;
  },

  'init over a store that is there': async ({ api, dir }) => {
    const first = api.initSwingStore(dir);
    await fill(first);
    await first.hostStorage.close();
    fs.writeFileSync(path.join(dir, 'bystander'), 'x');
    const second = api.initSwingStore(dir);
    const seen = [fs.existsSync(path.join(dir, 'bystander')), tablesOf(second)];
    await second.hostStorage.close();
    const third = api.openSwingStore(dir);
    seen.push(tablesOf(third));
    await third.hostStorage.close();
    return seen;
  },

  'opening what is not there': async ({ api, base }) => {
    const deep = path.join(base, 'a', 'b', 'c');
    const seen = [api.isSwingStore(deep)];
    const store = api.openSwingStore(deep);
    seen.push(api.isSwingStore(deep), fs.readdirSync(deep).sort(), tablesOf(store));
    await store.hostStorage.close();
    seen.push(api.isSwingStore(deep), fs.readdirSync(deep).sort());
    fs.mkdirSync(path.join(base, 'empty'));
    seen.push(api.isSwingStore(path.join(base, 'empty')));
    fs.writeFileSync(path.join(base, 'file'), 'x');
    seen.push(api.isSwingStore(path.join(base, 'file')));
    seen.push(api.isSwingStore(''));
    return seen;
  },

  'closing abandons what is not committed': async ({ api, dir }) => {
    const first = api.initSwingStore(dir);
    await fill(first);
    first.kernelStorage.kvStore.set('a', 'lost');
    first.kernelStorage.startCrank();
    first.kernelStorage.establishCrankSavepoint('x');
    first.kernelStorage.kvStore.set('b', 'lost');
    await first.hostStorage.close();
    const second = api.openSwingStore(dir);
    const seen = tablesOf(second);
    await second.hostStorage.close();
    return seen;
  },

  'a path that is relative, or has odd characters': async ({ api, base, attempt }) => {
    const seen = [];
    const names = ['with space', 'é\u{1f600}', '%41', 'a?b=c#d', "quo'te", 'a:b'];
    const odd = names.map(name => path.join(base, name));
    const relative = path.relative(process.cwd(), path.join(base, 'relative'));
    for (const dir of [...odd, relative]) {
      const outcome = await attempt(() => api.initSwingStore(dir));
      if (outcome.returns) {
        await fill(outcome.returns);
        await outcome.returns.hostStorage.close();
        const exporter = api.makeSwingStoreExporter(dir);
        seen.push((await drainAsync(exporter.getExportData())).items.length);
        await exporter.close();
        seen.push(fs.readdirSync(dir).sort(), api.isSwingStore(dir));
      } else {
        seen.push(outcome);
      }
    }
    return seen;
  },

  asFile: async ({ api, base, attempt }) => {
    const file = path.join(base, 'some.file');
    const store = api.initSwingStore(file, { asFile: true });
    await fill(store);
    const seen = [
      store.internal.dirPath,
      store.internal.asFile,
      fs.statSync(file).isFile(),
      api.isSwingStore(base),
      api.isSwingStore(file),
      store.hostStorage.diskUsage() === fs.statSync(file).size,
    ];
    await store.hostStorage.close();
    const again = api.openSwingStore(file, { asFile: true });
    seen.push(tablesOf(again));
    await again.hostStorage.close();
    const over = api.initSwingStore(file, { asFile: true });
    seen.push(tablesOf(over));
    await over.hostStorage.close();
    seen.push(
      ...(await tryAll(attempt, [[file], [path.join(base, 'no', 'dir')]], f =>
        api.openSwingStore(f, f === file ? {} : { asFile: true }),
      )),
    );
    return seen;
  },

  'in memory and serialized': async ({ api, dir, attempt }) => {
    const store = api.initSwingStore();
    await fill(store);
    const seen = [store.internal.dirPath, store.internal.asFile, store.hostStorage.diskUsage()];
    const image = store.debug.serialize();
    seen.push(Buffer.isBuffer(image), image.subarray(0, 15).toString());
    await store.hostStorage.close();
    for (const open of [
      () => api.initSwingStore(null, { serialized: image }),
      () => api.initSwingStore(undefined, { serialized: image }),
      () => api.openSwingStore('', { serialized: image }),
    ]) {
      const outcome = await attempt(open);
      if (outcome.returns) {
        const copy = outcome.returns;
        seen.push(tablesOf(copy));
        copy.kernelStorage.kvStore.set('a', 'changed');
        await copy.hostStorage.commit();
        seen.push(Buffer.isBuffer(copy.debug.serialize()));
        await copy.hostStorage.close();
      } else {
        seen.push(outcome);
      }
    }
    seen.push(
      ...(await tryAll(
        attempt,
        [
          [null, new Uint8Array(image)],
          [null, 'text'],
          [null, {}],
          [null, 7],
          [null, Buffer.from('this is no database, whatever it may look like')],
          [null, image.subarray(0, 1000)],
          [null, Buffer.alloc(0)],
          [null, null],
          [null, 0],
          [null, ''],
          [dir, image],
        ],
        (where, serialized) => api.initSwingStore(where, { serialized }),
      )),
    );
    const onDisk = api.initSwingStore(dir);
    seen.push(await attempt(() => onDisk.debug.serialize()));
    await onDisk.hostStorage.close();
    return seen;
  },

  'serialized while something is not committed': async ({ api }) => {
    const store = api.initSwingStore(null);
    await fill(store);
    store.kernelStorage.kvStore.set('a', 'not committed');
    const image = store.debug.serialize();
    const seen = [store.debug.getDatabase().inTransaction];
    await store.hostStorage.close();
    const copy = api.initSwingStore(null, { serialized: image });
    seen.push(tablesOf(copy));
    await copy.hostStorage.close();
    return seen;
  },

  readonly: async ({ api, dir, base, attempt }) => {
    const store = api.initSwingStore(dir);
    await fill(store);
    await store.hostStorage.close();
    return tryAll(
      attempt,
      [
        [dir, { readonly: true }],
        [path.join(base, 'none'), { readonly: true }],
        [dir, { readonly: true, unsafeFastMode: true }],
        [dir, { readonly: false }],
      ],
      (where, options) => api.openSwingStore(where, options),
    );
  },

  'a readonly store in use': async ({ api, dir, attempt }) => {
    const store = api.initSwingStore(dir);
    await fill(store);
    await store.hostStorage.close();
    const { kernelStorage, hostStorage, debug } = api.openSwingStore(dir, {
      readonly: true,
    });
    const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
    const seen = [readTables(debug.getDatabase()), debug.getDatabase().readonly];
    for (const call of [
      () => kvStore.get('a'),
      () => kvStore.getNextKey('a'),
      () => kvStore.set('a', '2'),
      () => kvStore.delete('a'),
      () => hostStorage.kvStore.set('host.a', '2'),
      () => drain(transcriptStore.readSpan('v1')),
      () => transcriptStore.addItem('v1', 'item'),
      () => transcriptStore.rolloverSpan('v1'),
      () => transcriptStore.deleteVatTranscripts('v1'),
      () => snapStore.deleteAllUnusedSnapshots(),
      () => snapStore.saveSnapshot('v1', 8, [Buffer.from('x')]),
      () => drainAsync(snapStore.loadSnapshot('v1')),
      () => bundleStore.addBundle(bundles.b0b.id, bundles.b0b.bundle),
      () => kernelStorage.startCrank(),
      () => kernelStorage.establishCrankSavepoint('x'),
      () => kernelStorage.rollbackCrank('x'),
      () => kernelStorage.emitCrankHashes(),
      () => kernelStorage.endCrank(),
      () => hostStorage.commit(),
      () => readTables(debug.getDatabase()),
      () => hostStorage.close(),
    ]) {
      seen.push([String(call), await attempt(call)]);
    }
    return seen;
  },

  'journal modes': async ({ api, dir, attempt }) => {
    const seen = [];
    const note = store => {
      const db = store.debug.getDatabase();
      for (const name of ['journal_mode', 'synchronous', 'encoding', 'auto_vacuum', 'page_size']) {
        seen.push([name, db.pragma(name, { simple: true })]);
      }
    };
    for (const [method, options] of [
      ['initSwingStore', {}],
      ['openSwingStore', {}],
      ['initSwingStore', { unsafeFastMode: true }],
      ['openSwingStore', {}],
      ['openSwingStore', { unsafeFastMode: true }],
      ['openSwingStore', { unsafeFastMode: false }],
    ]) {
      const outcome = await attempt(() => api[method](dir, options));
      if (outcome.returns) {
        note(outcome.returns);
        if (method === 'initSwingStore') await fill(outcome.returns);
        seen.push(tablesOf(outcome.returns));
        await outcome.returns.hostStorage.close();
        seen.push(fs.readdirSync(dir).sort());
      } else {
        seen.push(outcome);
      }
    }
    const inMemory = api.initSwingStore(null);
    note(inMemory);
    await inMemory.hostStorage.close();
    return seen;
  },

  'tables, keys and checks': async ({ api, attempt }) => {
    const store = api.initSwingStore(null);
    await fill(store);
    const db = store.debug.getDatabase();
    const all = sql => db.prepare(sql).raw(true).all();
    const seen = { indices: {}, columns: {}, refused: [] };
    const names = all(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`);
    for (const [name] of names) {
      seen.columns[name] = all(`SELECT * FROM pragma_table_xinfo('${name}')`);
      for (const [, index, ...about] of all(`SELECT * FROM pragma_index_list('${name}')`)) {
        seen.indices[`${name} ${index}`] = [about, all(`SELECT * FROM pragma_index_xinfo('${index}')`)];
      }
    }
    seen.others = all(`SELECT type, name, tbl_name FROM sqlite_master WHERE type <> 'table' ORDER BY name`);
    for (const sql of [
      `INSERT INTO transcriptSpans (vatID, startPos, isCurrent) VALUES ('x', 0, 0)`,
      `INSERT INTO transcriptSpans (vatID, startPos, isCurrent) VALUES ('v1', 99, 1)`,
      `INSERT INTO transcriptSpans (vatID, startPos) VALUES ('v1', 0)`,
      `INSERT INTO transcriptItems (vatID, position) VALUES ('v1', 0)`,
      `INSERT INTO snapshots (vatID, snapPos, inUse) VALUES ('x', 0, 0)`,
      `INSERT INTO snapshots (vatID, snapPos, inUse) VALUES ('v1', 99, 1)`,
      `INSERT INTO snapshots (vatID, snapPos, inUse) VALUES ('x', 0, 1)`,
      `INSERT INTO snapshots (vatID, snapPos) VALUES ('v1', 1)`,
      `INSERT INTO kvStore (key) VALUES ('a')`,
      `INSERT INTO kvStore (key, value) VALUES (NULL, 7)`,
      `INSERT INTO bundles (bundleID) VALUES ('${bundles.b0a.id}')`,
      `INSERT INTO pendingExports (key) VALUES ('a'), ('a')`,
      `DELETE FROM nothing`,
      `nonsense`,
    ]) {
      const { returns, ...others } = await attempt(() => db.prepare(sql).run());
      seen.refused.push([sql, returns ? returns.changes : others]);
    }
    await store.hostStorage.close();
    return seen;
  },

  'a file with the older snapshots table': async ({ api, dir, impl }) => {
    const store = api.initSwingStore(dir);
    await fill(store);
    await store.hostStorage.close();
    const db = impl.openDatabase(path.join(dir, 'swingstore.sqlite'));
    db.exec(`
      ALTER TABLE snapshots RENAME TO newer;
      CREATE TABLE snapshots (
        vatID TEXT, snapPos INTEGER, inUse INTEGER CHECK(inUse = 1), hash TEXT,
        uncompressedSize INTEGER, compressedSize INTEGER, compressedSnapshot BLOB,
        PRIMARY KEY (vatID, snapPos), UNIQUE (vatID, inUse),
        CHECK(compressedSnapshot is not null or inUse is null)
      );
      INSERT INTO snapshots SELECT * FROM newer;
      DROP TABLE newer;
    `);
    db.close();
    const again = api.openSwingStore(dir);
    const { snapStore } = again.kernelStorage;
    await snapStore.saveSnapshot('v1', 3, [Buffer.from('later')]);
    await snapStore.saveSnapshot('v2', 3, [Buffer.from('later')]);
    await again.hostStorage.commit();
    const seen = [tablesOf(again)];
    await again.hostStorage.close();
    const exporter = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
    seen.push(await readExporter(exporter, text => text));
    await exporter.close();
    return seen;
  },

  'the trace file': async ({ api, dir, base }) => {
    const traceFile = path.join(base, 'trace');
    const seen = [];
    for (const round of ['1', '2']) {
      const store = api.openSwingStore(dir, { traceFile });
      const { kernelStorage, hostStorage } = store;
      const { kvStore } = kernelStorage;
      kvStore.set('a', `value ${round}`);
      kvStore.set('local.é\u{1f600}', 'two\nlines \ud800 \0.');
      kvStore.set('empty', '');
      kvStore.get('a');
      kvStore.delete('none');
      hostStorage.kvStore.set('host.a', '1');
      hostStorage.kvStore.delete('host.a');
      kernelStorage.startCrank();
      kernelStorage.establishCrankSavepoint('x');
      kvStore.set('rolled', 'back');
      kernelStorage.rollbackCrank('x');
      kernelStorage.emitCrankHashes();
      kernelStorage.endCrank();
      try {
        kvStore.set('host.b', 'refused');
      } catch {
        // Not traced, since it failed.
      }
      kvStore.set('long', 'x'.repeat(300_000));
      await hostStorage.commit();
      await hostStorage.close();
      seen.push(await settled(traceFile));
    }
    return seen;
  },

  'no trace without a trace file': async ({ api, base, attempt }) =>
    tryAll(attempt, [[''], [null], [undefined], [false]], traceFile =>
      api.initSwingStore(path.join(base, 'store'), { traceFile }),
    ),

  'methods after close': async ({ api, dir, attempt }) => {
    const store = api.initSwingStore(dir);
    await fill(store);
    const { kernelStorage, hostStorage, debug, internal } = store;
    const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
    const readerBefore = transcriptStore.readSpan('v1');
    const seen = [await attempt(() => hostStorage.close())];
    const calls = [
      () => hostStorage.close(),
      () => hostStorage.commit(),
      () => hostStorage.diskUsage() > 0,
      () => hostStorage.kvStore.get('host.height'),
      () => hostStorage.kvStore.set('host.height', '8'),
      () => hostStorage.kvStore.delete('host.height'),
      () => kvStore.get('a'),
      () => kvStore.has('a'),
      () => kvStore.getNextKey('a'),
      () => kvStore.set('a', '2'),
      () => kvStore.delete('a'),
      () => kvStore.set('host.x', '2'),
      () => kvStore.get(7),
      () => transcriptStore.initTranscript('v3'),
      () => transcriptStore.addItem('v1', 'more'),
      () => transcriptStore.readSpan('v1'),
      () => transcriptStore.readSpan('v1', 0),
      () => drain(readerBefore),
      () => transcriptStore.rolloverSpan('v1'),
      () => transcriptStore.rolloverIncarnation('v1'),
      () => transcriptStore.getCurrentSpanBounds('v1'),
      () => transcriptStore.stopUsingTranscript('v1'),
      () => transcriptStore.deleteVatTranscripts('v1'),
      () => transcriptStore.deleteVatTranscripts('v1', 1),
      () => snapStore.saveSnapshot('v1', 9, [Buffer.from('x')]),
      () => drainAsync(snapStore.loadSnapshot('v1')),
      () => snapStore.getSnapshotInfo('v1'),
      () => snapStore.stopUsingLastSnapshot('v1'),
      () => snapStore.deleteAllUnusedSnapshots(),
      () => snapStore.deleteVatSnapshots('v1'),
      () => bundleStore.addBundle(bundles.b0b.id, bundles.b0b.bundle),
      () => bundleStore.hasBundle(bundles.b0a.id),
      () => bundleStore.getBundle(bundles.b0a.id),
      () => bundleStore.deleteBundle(bundles.b0a.id),
      () => bundleStore.deleteBundle('none'),
      () => kernelStorage.getActivityhash(),
      () => kernelStorage.startCrank(),
      () => kernelStorage.establishCrankSavepoint('x'),
      () => kernelStorage.rollbackCrank('x'),
      () => kernelStorage.rollbackCrank('y'),
      () => kernelStorage.emitCrankHashes(),
      () => kernelStorage.endCrank(),
      () => debug.dump(),
      () => debug.serialize(),
      () => debug.getDatabase(),
      () => drain(internal.transcriptStore.getExportRecords(true)),
      () => drainAsync(internal.transcriptStore.exportSpan('transcript.v1.0.1')),
      () => drain(internal.snapStore.listAllSnapshots()),
      () => drain(internal.bundleStore.getBundleIDs()),
      () => internal.bundleStore.assertComplete('operational'),
    ];
    for (const call of calls) {
      seen.push([String(call), await attempt(call)]);
    }
    return seen;
  },

  'wrong options': async ({ api, dir, base, attempt }) => {
    const f = () => {};
    const lists = [];
    for (const method of ['initSwingStore', 'openSwingStore']) {
      for (const where of [7, {}, true, 7n, ['x'], f]) lists.push([method, where]);
    }
    for (const where of [undefined, null, 0, false, '']) {
      lists.push(['openSwingStore', where], ['initSwingStore', where]);
    }
    for (const exportCallback of [null, 7, 'text', {}, [], false, true, f]) {
      lists.push(['initSwingStore', dir, { exportCallback }]);
    }
    lists.push(['initSwingStore', dir, { unknownOption: 1 }]);
    for (const options of [null, 7, 'text', []]) {
      lists.push(['initSwingStore', dir, options]);
    }
    for (const where of [undefined, null, 7, {}, ['x']]) {
      lists.push(['isSwingStore', where]);
    }
    for (const where of [undefined, null, 7, {}, ['x']]) {
      lists.push(['makeSwingStoreExporter', where]);
    }
    for (const artifactMode of [null, '', 'Operational', 'all', 7, {}, [], undefined]) {
      lists.push(['makeSwingStoreExporter', dir, { artifactMode }]);
    }
    lists.push(['makeSwingStoreExporter', path.join(base, 'missing')]);
    const store = api.initSwingStore(dir);
    await fill(store);
    await store.hostStorage.close();
    return tryAll(attempt, lists, (method, ...args) => api[method](...args));
  },

  'wrong options of an import': async ({ api, base, attempt }) => {
    const into = path.join(base, 'into');
    const exporter = {
      async *getExportData() {
        yield ['kv.a', '1'];
      },
      async *getArtifactNames() {},
      getArtifact: () => [],
      async close() {},
    };
    const lists = [
      [exporter, 7],
      [exporter, {}],
      [exporter, true],
      [exporter, 0],
      [exporter, ''],
      [exporter, undefined],
      [exporter, null],
      [exporter, into],
      [exporter, into, { artifactMode: 'all' }],
      [exporter, into, { artifactMode: null }],
      [exporter, into, { artifactMode: undefined }],
      [exporter, into, { exportCallback: 7 }],
      [exporter, into, { serialized: 7 }],
      [exporter, into, { unsafeFastMode: false }],
      [exporter, path.join(base, 'one.file'), { asFile: true }],
      [{ ...exporter, getExportData: undefined }, into],
      [{ ...exporter, getArtifactNames: undefined }, into],
      [{ ...exporter, getExportData: () => undefined }, into],
      [
        {
          ...exporter,
          getExportData: () => [
            ['kv.a', '1'],
            ['kv.a', null],
          ],
        },
        into,
      ],
      [{ ...exporter, getExportData: () => [[7, '1']] }, into],
      [{ ...exporter, getArtifactNames: () => [7] }, into],
      [{ ...exporter, close: undefined }, into],
      [undefined, into],
    ];
    return tryAll(attempt, lists, api.importSwingStore);
  },

  'options reach the imported store': async ({ api, dir, base }) => {
    const store = api.initSwingStore(dir);
    await fill(store);
    await store.hostStorage.close();
    const into = path.join(base, 'into');
    const old = api.initSwingStore(into);
    await fill(old);
    old.kernelStorage.kvStore.set('old', 'gone');
    await old.hostStorage.commit();
    await old.hostStorage.close();
    const calls = [];
    const { hostStorage, debug } = await api.importSwingStore(api.makeSwingStoreExporter(dir), into, {
      exportCallback: list => calls.push([...list]),
      keepTranscripts: false,
    });
    const db = debug.getDatabase();
    const seen = {
      before: readTables(db),
      journal: db.pragma('journal_mode', { simple: true }),
    };
    hostStorage.kvStore.set('host.new', '1');
    await hostStorage.commit();
    seen.calls = calls;
    await hostStorage.close();
    seen.files = fs.readdirSync(into).sort();
    const again = api.openSwingStore(into);
    seen.after = tablesOf(again);
    seen.journalAfter = again.debug.getDatabase().pragma('journal_mode', { simple: true });
    await again.hostStorage.close();
    return seen;
  },

  'exporters of what is no store': async ({ api, base, attempt }) => {
    const make = (name, content) => {
      const dir = path.join(base, name);
      fs.mkdirSync(dir);
      if (content !== undefined) {
        fs.writeFileSync(path.join(dir, 'swingstore.sqlite'), content);
      }
      return dir;
    };
    const seen = [];
    for (const dir of [
      path.join(base, 'missing'),
      make('without a file'),
      make('an empty file', ''),
      make('garbage', 'this is no database at all, and it is long enough'.repeat(99)),
    ]) {
      const outcome = await attempt(() => api.makeSwingStoreExporter(dir));
      seen.push(outcome.returns ? 'an exporter' : outcome);
      if (outcome.returns) await outcome.returns.close();
      // The reference leaves the file locked, so each attempt uses a new file.
    }
    for (const dir of [
      make('to open, empty', ''),
      make('to open, garbage', 'this is no database at all, and it is long'.repeat(99)),
    ]) {
      const opened = await attempt(() => api.openSwingStore(dir));
      seen.push(opened.returns ? tablesOf(opened.returns) : opened);
      if (opened.returns) await opened.returns.hostStorage.close();
    }
    const blocked = path.join(base, 'file');
    fs.writeFileSync(blocked, 'x');
    seen.push(await attempt(() => api.makeSwingStoreExporter(blocked)));
    seen.push(await attempt(() => api.openSwingStore(blocked)));
    seen.push(await attempt(() => api.openSwingStore(path.join(blocked, 'x'))));
    return seen;
  },

  'an exporter that stays open, and after its end': async ({ api, dir, tidy, attempt }) => {
    const store = api.initSwingStore(dir);
    await fill(store);
    const early = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
    const { kvStore, transcriptStore, snapStore } = store.kernelStorage;
    kvStore.set('a', 'later');
    transcriptStore.addItem('v1', 'later');
    await snapStore.saveSnapshot('v1', 9, [Buffer.from('later')]);
    store.hostStorage.kvStore.set('host.height', '8');
    const middle = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
    await store.hostStorage.commit();
    const late = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
    const seen = [];
    for (const exporter of [late, early, middle]) {
      seen.push(exporter.getHostKV('host.height'));
      seen.push(await readExporter(exporter, tidy));
    }
    await store.hostStorage.close();
    seen.push(await readExporter(early, tidy));
    for (const exporter of [late, early, middle]) {
      seen.push(await attempt(() => exporter.close()));
    }
    for (const call of [
      () => early.getHostKV('host.height'),
      () => early.getHostKV('a'),
      () => drainAsync(early.getExportData()),
      () => early.getArtifactNames(),
      () => drainAsync(early.getArtifact('transcript.v1.0.1')),
      () => drainAsync(early.getArtifact('snapshot.v1.1')),
      () => drainAsync(early.getArtifact(`bundle.${bundles.b0a.id}`)),
      () => early.getArtifact('unknown.x'),
      () => early.getArtifact(7),
      () => early.close(),
    ]) {
      seen.push([String(call), await attempt(call)]);
    }
    return seen;
  },

  'a second writer is kept out': async ({ api, dir, attempt }) => {
    const store = api.initSwingStore(dir);
    store.kernelStorage.kvStore.set('a', '1');
    const seen = [await attempt(() => api.openSwingStore(dir))];
    await store.hostStorage.commit();
    const second = api.openSwingStore(dir);
    seen.push(second.kernelStorage.kvStore.get('a'));
    second.kernelStorage.kvStore.set('a', '2');
    seen.push(store.kernelStorage.kvStore.get('a'));
    await second.hostStorage.commit();
    seen.push(store.kernelStorage.kvStore.get('a'));
    seen.push(store.kernelStorage.kvStore.getNextKey(''));
    await second.hostStorage.close();
    await store.hostStorage.close();
    return seen;
  },

  'SQL sees what is not committed': async ({ api, dir }) => {
    const store = api.initSwingStore(dir, { exportCallback: () => {} });
    const { kernelStorage, hostStorage, debug } = store;
    const { kvStore } = kernelStorage;
    const db = debug.getDatabase();
    const seen = [db.inTransaction, db.open, db.memory, db.readonly];
    seen.push(path.basename(db.name));
    kvStore.set('a', '1');
    seen.push(db.inTransaction);
    const get = db.prepare('SELECT value FROM kvStore WHERE key = ?').pluck(true);
    seen.push(get.get('a'));
    kernelStorage.startCrank();
    kernelStorage.establishCrankSavepoint('x');
    kvStore.set('a', '2');
    seen.push(get.get('a'), readTables(db).pendingExports);
    // The store sees what SQL has written.
    db.prepare('UPDATE kvStore SET value = ? WHERE key = ?').run('3', 'a');
    seen.push(kvStore.get('a'), kvStore.getNextKey(''));
    db.prepare('INSERT INTO kvStore (key, value) VALUES (?, ?)').run('0', 'new');
    seen.push(kvStore.getNextKey(''), kvStore.get('0'));
    db.exec(`DELETE FROM kvStore WHERE key = 'a'`);
    seen.push(kvStore.has('a'), kvStore.get('a'), kvStore.getNextKey('0'));
    kernelStorage.rollbackCrank('x');
    seen.push(kvStore.get('a'), kvStore.get('0'), readTables(db).pendingExports);
    kernelStorage.endCrank();
    await hostStorage.commit();
    seen.push(db.inTransaction, get.get('a'));
    // Written with SQL only, outside the store's transactions.
    db.prepare('INSERT INTO kvStore (key, value) VALUES (?, ?)').run('b', 'own');
    seen.push(kvStore.get('b'), db.inTransaction);
    await hostStorage.close();
    seen.push(db.open);
    const again = api.openSwingStore(dir);
    seen.push(tablesOf(again));
    await again.hostStorage.close();
    return seen;
  },

  archivers: async ({ api, base, attempt }) => {
    const dir = path.join(base, 'deep', 'archive');
    const powers = { fs, path, tmp };
    const archiveSnapshot = api.makeArchiveSnapshot(dir, powers);
    const archiveTranscript = api.makeArchiveTranscript(dir, powers);
    const store = api.initSwingStore(null, { archiveSnapshot, archiveTranscript });
    await fill(store);
    await store.kernelStorage.snapStore.saveSnapshot('v1', 4, [Buffer.alloc(99_999)]);
    const read = () =>
      fs
        .readdirSync(dir)
        .sort()
        .map(name => [name, gunzipSync(fs.readFileSync(path.join(dir, name)))]);
    const seen = [read()];
    // Over an existing file.
    await archiveTranscript('transcript.v1.0.1', [Buffer.from('new\n')]);
    seen.push(read());
    seen.push(
      await attempt(() =>
        archiveTranscript(
          'again',
          (function* items() {
            yield Buffer.from('a\n');
            yield new Uint8Array([98, 10]);
          })(),
        ),
      ),
    );
    seen.push(
      await attempt(() =>
        archiveTranscript(
          'async',
          (async function* items() {
            yield Buffer.from('a\n');
          })(),
        ),
      ),
    );
    seen.push(read());
    await store.hostStorage.close();
    return seen;
  },

  'key types and bundle names': async ({ api, attempt }) => {
    const seen = [];
    for (const key of ['a', 'local.a', 'host.a', 'local', 'host', 'host.', '', 'Host.a', 7, undefined]) {
      seen.push(await attempt(() => api.getKeyType(key)));
    }
    for (const name of ['bundle.b0-1', 'bundle.', 'bundle', 'bundle.a.b', 'x.y', '', 7, undefined]) {
      seen.push(await attempt(() => api.bundleIDFromName(name)));
    }
    const { measureSeconds, ...others } = api.makeSnapStoreIO();
    const measured = await attempt(() => measureSeconds(async () => 'result'));
    seen.push(Object.keys(others), measured.resolves.result, typeof measured.resolves.duration);
    return seen;
  },

  'readers in all modes of a store that is far along': async ({ api, impl, dir, tidy }) => {
    const store = api.initSwingStore(dir);
    await fill(store);
    const world = { impl, dir, tidy, store, config: {} };
    const seen = [await look(world)];
    for (const mode of ['operational', 'replay', 'archival', 'debug']) {
      seen.push(await exportInMode(world, mode));
    }
    await store.hostStorage.close();
    return seen;
  },
};
