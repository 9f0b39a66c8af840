// Options of functions that the reference does not have: misspelled, unknown and wrongly typed ones are refused before any
// work, and the message suggests the intended option.
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import tmp from 'tmp';
import * as api from '../../index.mjs';

const makeStore = t => {
  const base = tmp.dirSync({ unsafeCleanup: true }).name;
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }));
  const dir = path.join(base, 'store');
  const store = api.initSwingStore(dir, { keepTranscripts: true });
  const { transcriptStore, kvStore } = store.kernelStorage;
  kvStore.set('key', 'value');
  transcriptStore.initTranscript('v1');
  return { base, dir, store, at: name => path.join(base, name) };
};

const history = async t => {
  const made = makeStore(t);
  const { transcriptStore } = made.store.kernelStorage;
  for (let at = 0; at < 6; at += 1) {
    transcriptStore.addItem('v1', `item ${at}`);
    if (at % 2 === 1) await transcriptStore.rolloverSpan('v1');
  }
  await made.store.hostStorage.commit();
  await made.store.hostStorage.close();
  return made;
};

/** Every function with options of its own, and the options that it has. */
const functions = ({ dir, at }, opened) => {
  const work = ['onProgress', 'signal'];
  return {
    compactSwingStore: [o => api.compactSwingStore(dir, o), ['vatID', 'limit', 'dryRun', ...work]],
    expandSwingStore: [o => api.expandSwingStore(dir, o), ['vatID', 'limit', 'dryRun', ...work]],
    pruneSwingStore: [o => api.pruneSwingStore(dir, o), ['keep', 'budget', 'limit', 'dryRun', ...work]],
    reclaimSwingStoreSpace: [o => api.reclaimSwingStoreSpace(dir, o), ['method', 'dryRun', ...work]],
    verifySwingStore: [
      o => api.verifySwingStore(dir, o),
      ['artifactMode', 'integrityCheck', 'findingsPerKind', ...work],
    ],
    measureSwingStore: [o => api.measureSwingStore(dir, o), ['archivedIn', 'newestSpans', 'perVat', ...work]],
    diffSwingStores: [
      o => api.diffSwingStores(dir, dir, o),
      ['artifactMode', 'contents', 'localKeys', 'limit', ...work],
    ],
    repopulateSwingStore: [
      o => api.repopulateSwingStore({ getArtifactNames: () => [] }, dir, o),
      ['artifactMode', 'maxArtifactBytes', 'maxTransactionBytes', ...work],
    ],
    repopulateSwingStoreFromDirectory: [
      o => api.repopulateSwingStoreFromDirectory(dir, dir, o),
      ['artifactMode', 'maxArtifactBytes', 'maxTransactionBytes', ...work],
    ],
    archiveSwingStore: [
      o => api.archiveSwingStore(dir, at('archive'), o),
      ['artifactMode', 'currentSpans', 'checkExisting', ...work],
    ],
    exportSwingStoreToDirectory: [
      o => api.exportSwingStoreToDirectory(dir, at('export'), o),
      ['artifactMode', 'exportDataMode', 'blockHeight', 'compress', 'reuse', 'verifyReused', ...work],
    ],
    importSwingStoreFromDirectory: [
      o => api.importSwingStoreFromDirectory(at('export'), at('imported'), o),
      ['artifactMode', 'exportDataMode', 'blockHeight', 'keepSnapshots', 'exportCallback', ...work],
    ],
    repairSwingStoreFromDirectory: [
      o => api.repairSwingStoreFromDirectory(at('export'), dir, o),
      ['blockHeight', ...work],
    ],
    listVats: [o => opened.listVats(o), ['sizes', ...work]],
    getVat: [o => opened.getVat('v1', o), ['sizes', ...work]],
    listIncarnations: [o => opened.listIncarnations('v1', o), ['sizes', ...work]],
    listSpans: [o => opened.listSpans('v1', o), ['sizes', ...work]],
    listPseudoDeliveries: [o => opened.listPseudoDeliveries('v1', o), work],
    replayPlan: [o => opened.replayPlan('v1', o), ['incarnation', 'from', 'sizes', ...work]],
    readItems: [async o => opened.readItems('v1', o), ['start', 'end', 'skipMissing']],
    readSpan: [async o => opened.readSpan('v1', 0, o), ['skipMissing']],
    readIncarnation: [async o => opened.readIncarnation('v1', 0, o), ['skipMissing']],
    Database: [async o => new api.Database(':memory:', o).close(), ['readonly', 'fileMustExist', 'timeout']],
    pragma: [async o => new api.Database(':memory:').pragma('user_version', o), ['simple']],
  };
};

/** Every file below a directory, with what is in it. */
const filesIn = base =>
  fs
    .readdirSync(base, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !/-(shm|wal)$/.test(entry.name))
    .map(entry => path.join(entry.parentPath, entry.name))
    .sort()
    .map(file => [file, fs.readFileSync(file, 'base64')]);

test('each function suggests the intended option', async t => {
  const made = await history(t);
  const opened = api.openSwingStoreHistory(made.dir);
  t.teardown(() => opened.close());
  const before = filesIn(made.base);
  const all = functions(made, opened);
  for (const [name, [call, options]] of Object.entries(all)) {
    for (const option of options) {
      for (const wrong of [
        option.toUpperCase(),
        `${option.slice(0, -1)}`,
        option.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
      ]) {
        if (options.includes(wrong) || wrong === '' || (name === 'Database' && wrong === 'readOnly')) continue;
        const error = await t.throwsAsync(call({ [wrong]: true }), undefined, `${name} ${wrong}`);
        t.true(error.message.startsWith(`${name} has no option "${wrong}". Did you mean "${option}"?`), error.message);
      }
    }
    const error = await t.throwsAsync(call({ wholly: true }), undefined, name);
    t.true(error.message.startsWith(`${name} has no option "wholly". The options are ${options[0]}`), error.message);
  }
  t.deepEqual(filesIn(made.base), before);
});

test('options must be a plain object or undefined', async t => {
  const made = await history(t);
  const opened = api.openSwingStoreHistory(made.dir);
  t.teardown(() => opened.close());
  const before = filesIn(made.base);
  class Options {}
  for (const [name, [call]] of Object.entries(functions(made, opened))) {
    for (const wrong of [null, 'archival', 7, true, ['archival'], () => {}, new Map(), new Options(), Symbol('x')]) {
      await t.throwsAsync(call(wrong), { message: /plain object|options object/ }, `${name} ${String(wrong)}`);
    }
    await t.throwsAsync(call({ [Symbol('keep')]: 1 }), { message: /has no option Symbol\(keep\)/ }, name);
  }
  t.deepEqual(filesIn(made.base), before);
  // Without a prototype, and of another realm.
  const { runInNewContext } = await import('node:vm');
  t.true((await api.verifySwingStore(made.dir, Object.assign(Object.create(null), { integrityCheck: false }))).ok);
  t.true((await api.verifySwingStore(made.dir, runInNewContext('({ integrityCheck: false })'))).ok);
  t.true((await api.verifySwingStore(made.dir, { integrityCheck: undefined })).ok);
});

test('misspellings from real reports', async t => {
  const { dir, at } = await history(t);
  const items = async () => {
    const opened = api.openSwingStoreHistory(dir);
    const [vat] = await opened.listVats();
    await opened.close();
    return vat.items;
  };
  const code = 'ERR_SWING_STORE_ARGUMENT';
  await t.throwsAsync(api.pruneSwingStore(dir, { keep: 'operational', dryrun: true }), {
    code,
    message: /^pruneSwingStore has no option "dryrun"\. Did you mean "dryRun"\?/,
  });
  await t.throwsAsync(api.pruneSwingStore(dir, { keep: { transcripts: 'operational', snapshot: 'debug' } }), {
    code,
    message: /^keep has no option "snapshot"\. Did you mean "snapshots"\?/,
  });
  await t.throwsAsync(api.pruneSwingStore(dir, { keep: { transcripts: 'operational' } }), {
    code,
    message: /of both/,
  });
  await t.throwsAsync(api.pruneSwingStore(dir, { keep: 'operational', dryRun: 'false' }), {
    code,
    message: 'dryRun must be a boolean',
  });
  t.is(await items(), 6);
  await t.throwsAsync(api.exportSwingStoreToDirectory(dir, at('export'), 'archival'), { code });
  await t.throwsAsync(api.exportSwingStoreToDirectory(dir, at('export'), { mode: 'archival' }), {
    code,
    message: /Did you mean "artifactMode"\?/,
  });
  t.false(fs.existsSync(at('export')));
  const opened = api.openSwingStoreHistory(dir);
  for (const [option, meant] of [
    ['from', 'start'],
    ['to', 'end'],
  ]) {
    t.throws(() => opened.readItems('v1', { [option]: 1 }), {
      code,
      message: new RegExp(`^readItems has no option "${option}"\\. Did you mean "${meant}"\\?`),
    });
  }
  t.throws(() => opened.readItems('v1', { skipMissing: 1 }), { code, message: 'skipMissing must be a boolean' });
  await t.throwsAsync(opened.listBundles({ sizes: true }), { code, message: /takes no options/ });
  await t.throwsAsync(opened.listSnapshots('v1', {}), { code, message: /takes no options/ });
  await opened.close();
  for (const [wrong, message] of [
    [{ keepSnapshots: 'no' }, 'keepSnapshots must be a boolean'],
    [{ traceFile: true }, 'traceFile must be a string'],
    [{ wrapKvStore: {} }, 'wrapKvStore must be a function'],
    [{ archiveSnapshot: at('archive') }, 'archiveSnapshot must be a function'],
    [{ readonly: true }, 'an imported store must not be readonly'],
    [{ exportCallback: 7 }, 'export callback must be a function'],
    [{ blockHeight: Number.NaN }, /^blockHeight must be /],
  ]) {
    await t.throwsAsync(api.importSwingStoreFromDirectory(at('export'), at('made'), wrong), { message });
  }
  t.false(fs.existsSync(at('made')));
  t.throws(() => api.openSwingStoreHistory(dir, { readonly: true }), { code, message: /has no option "readonly"/ });
});

test('a Database accepts the options of better-sqlite3, or explains why not', t => {
  const { Database } = api;
  const file = path.join(tmp.dirSync({ unsafeCleanup: true }).name, 'a.sqlite');
  const open = options => new Database(file, options).close();
  t.throws(() => open({ readOnly: true }), { instanceOf: TypeError, message: /should be "readonly"/ });
  t.throws(() => open({ memory: true }), { instanceOf: TypeError, message: /":memory:" filename/ });
  t.throws(() => open({ fileMustExists: true }), { instanceOf: TypeError, message: /Did you mean "fileMustExist"\?/ });
  t.throws(() => open({ verbose: console.log }), { instanceOf: TypeError, message: /does not report statements/ });
  t.throws(() => open({ readonly: 1 }), { instanceOf: TypeError, message: /"readonly" option to be a boolean/ });
  t.throws(() => open({ timeout: 2 ** 31 }), { instanceOf: RangeError });
  t.throws(() => open({ nativeBinding: 7 }), { instanceOf: TypeError });
  t.false(fs.existsSync(file));
  t.notThrows(() => open({ verbose: null, nativeBinding: '/x/better_sqlite3.node', readonly: undefined }));
  const db = new Database(file);
  const statement = db.prepare('SELECT 1');
  t.throws(() => statement.pluck('yes'), { message: 'Expected first argument to be a boolean' });
  t.throws(() => statement.raw(1), { message: 'Expected first argument to be a boolean' });
  t.throws(() => db.pragma('user_version', { simpl: true }), { message: /Did you mean "simple"\?/ });
  t.throws(() => db.serialize({ attached: 'other' }), { message: /"attached" option/ });
  t.true(Buffer.isBuffer(db.serialize({ attached: 'main' })));
  db.close();
});

test('functions of the reference ignore unknown options, but check options of ours', async t => {
  const { dir, base } = await history(t);
  const store = api.openSwingStore(dir, { keepSnapshot: true });
  await store.hostStorage.close();
  const exporter = api.makeSwingStoreExporter(dir, { mode: 'debug' });
  const { hostStorage } = await api.importSwingStore(exporter, path.join(base, 'imported'), { mode: 'debug' });
  await hostStorage.close();
  t.throws(() => api.makeSwingStoreExporter(dir, { checkComplete: 'yes' }), {
    code: 'ERR_SWING_STORE_ARGUMENT',
    message: 'checkComplete must be a boolean',
  });
});
