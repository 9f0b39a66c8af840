// Directory export and import: refusals, files left after failures, progress and aborts.
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';

import {
  exportSwingStoreToDirectory,
  importSwingStoreFromDirectory,
  isSwingStore,
  openSwingStore,
} from '../../index.mjs';
import * as api from '../../index.mjs';
import { makeStore, manifestName, readFiles } from '../support/common/cosmic-directory.mjs';
import { internal } from '../support/common/internals.mjs';

const { resolvePlace } = internal('paths.js');

const macro = fn => async t => {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-directory-'));
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }));
  const at = name => path.join(base, name);
  await fn(t, at);
};
const check = (title, fn) => test(title, macro(fn));
const checkAlone = (title, fn) => test.serial(title, macro(fn));

const makeExport = async (at, options = { artifactMode: 'archival' }, size = undefined) => {
  await makeStore(api, at('store'), {}, size);
  await exportSwingStoreToDirectory(at('store'), at('export'), options);
};

const changeManifest = (at, change) => {
  const file = path.join(at('export'), manifestName);
  const manifest = change(JSON.parse(fs.readFileSync(file, 'utf8')));
  fs.writeFileSync(file, typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
};

/** Imports, commits and closes. */
const importWhole = async (from, to, options) => {
  const { hostStorage, blockHeight } = await importSwingStoreFromDirectory(from, to, options);
  await hostStorage.commit();
  await hostStorage.close();
  return blockHeight;
};

const valueIn = (dir, key) => {
  const { kernelStorage, hostStorage } = openSwingStore(dir);
  const value = kernelStorage.kvStore.get(key);
  return hostStorage.close().then(() => value);
};

test('a place is a URL if it begins with a scheme, and otherwise a path', t => {
  for (const url of ['s3://bucket/dir', 'HTTPS://host', 'x-1.y+z:///']) t.is(resolvePlace(url), url);
  for (const file of ['dir/s3://bucket', './s3://bucket', '1s://b', '-s://b', 'c://dir', 's3:/b', 's3//b', 's_3://b']) {
    t.is(resolvePlace(file), path.resolve(file));
  }
});

check('export and import', async (t, at) => {
  await makeExport(at);
  t.is(await importWhole(at('export'), at('imported')), 42);
  t.deepEqual(fs.readdirSync(at('imported')), ['swingstore.sqlite']);
  t.is(await valueIn(at('imported'), 'key.2'), '22');
  const again = await exportSwingStoreToDirectory(at('imported'), at('again'), { artifactMode: 'archival' });
  // The host's own keys are not exported.
  t.is(again.blockHeight, 0);
  const [one, two] = [readFiles(at('export')), readFiles(at('again'))];
  delete one[manifestName];
  delete two[manifestName];
  t.deepEqual(two, one);
});

check('an empty store', async (t, at) => {
  await api.initSwingStore(at('store')).hostStorage.close();
  const exported = await exportSwingStoreToDirectory(at('store'), at('export'));
  t.deepEqual(exported, { blockHeight: 0, artifacts: 0, bytes: 0 });
  await importWhole(at('export'), at('imported'));
  t.true(isSwingStore(at('imported')));
});

check('names that are not file names', async (t, at) => {
  const { kernelStorage, hostStorage } = api.initSwingStore(at('store'));
  const vats = ['a/b', '/up', 'c:\\d', 'nul\0', 'v1', 'V1', 'x'.repeat(300)];
  for (const vatID of vats) {
    kernelStorage.transcriptStore.initTranscript(vatID);
    kernelStorage.transcriptStore.addItem(vatID, 'item');
  }
  await hostStorage.commit();
  await hostStorage.close();
  await exportSwingStoreToDirectory(at('store'), at('export'));
  const { artifacts } = JSON.parse(fs.readFileSync(path.join(at('export'), manifestName), 'utf8'));
  t.deepEqual(artifacts.map(([name]) => name).sort(), vats.map(vatID => `transcript.${vatID}.0.1`).sort());
  t.is(fs.readdirSync(at('export')).length, vats.length + 2);
  await importWhole(at('export'), at('imported'));
  await exportSwingStoreToDirectory(at('imported'), at('again'));
  t.deepEqual(readFiles(at('again')), readFiles(at('export')));
});

check('an export does not change existing files', async (t, at) => {
  await makeStore(api, at('store'));
  for (const name of [manifestName, 'export-data.jsonl', 'transcript.v1.20.21']) {
    const dir = at(`with ${name}`);
    fs.mkdirSync(dir);
    fs.writeFileSync(path.join(dir, name), 'mine');
    const error = await t.throwsAsync(exportSwingStoreToDirectory(at('store'), dir), { code: 'EEXIST' });
    t.true(error.message.includes(path.join(dir, name)), error.message);
    t.deepEqual(fs.readdirSync(dir), [name]);
    t.is(fs.readFileSync(path.join(dir, name), 'utf8'), 'mine');
  }
  // What is in nobody's way stays.
  const dir = at('with others');
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(dir, 'other'), 'mine');
  await exportSwingStoreToDirectory(at('store'), dir);
  t.is(fs.readFileSync(path.join(dir, 'other'), 'utf8'), 'mine');
  t.false(fs.readdirSync(dir).some(name => name.startsWith('.')));
});

check('exports that fail leave nothing', async (t, at) => {
  await makeStore(api, at('store'));
  for (const [options, message] of [
    [{ artifactMode: 'all' }, /invalid artifactMode "all"/],
    [{ exportDataMode: 'repair-metadata' }, /invalid exportDataMode "repair-metadata"/],
    [{ blockHeight: 41 }, /unexpected block height 42 \(expected 41\)/],
    [{ blockHeight: '42' }, /blockHeight must be a number/],
    [{ blockHeight: 41.5 }, /blockHeight must be a whole number from 0 to 9007199254740991, got 41.5/],
    [{ blockHeight: Infinity }, /blockHeight must be a whole number/],
    [{ blockHeight: -1 }, /blockHeight must be a whole number/],
    [{ blockHeight: 2 ** 53 }, /blockHeight must be a whole number/],
    [{ onProgress: 7 }, /onProgress must be a function/],
    [{ signal: {} }, /signal must be an AbortSignal/],
  ]) {
    await t.throwsAsync(exportSwingStoreToDirectory(at('store'), at('export'), options), { message });
    t.false(fs.existsSync(at('export')));
  }
  await t.throwsAsync(exportSwingStoreToDirectory(at('missing'), at('export')));
  t.false(fs.existsSync(at('missing')) || fs.existsSync(at('export')));
  const { debug, hostStorage } = openSwingStore(at('store'));
  debug.getDatabase().prepare("DELETE FROM transcriptItems WHERE vatID = 'v1' AND position = 0").run();
  await hostStorage.commit();
  await hostStorage.close();
  const archival = exportSwingStoreToDirectory(at('store'), at('export'), { artifactMode: 'archival' });
  await t.throwsAsync(archival, { message: /incomplete archival transcript/ });
  t.false(fs.existsSync(at('export')));
  await exportSwingStoreToDirectory(at('store'), at('export'), { blockHeight: 42 });
});

const withFile = file => manifest => ({ ...manifest, artifacts: [...manifest.artifacts, ['snapshot.v9.1', file]] });
const hostile = [
  ['absolute', withFile('/etc/passwd')],
  ['up', withFile('../secret')],
  ['up and down', withFile('x/../../secret')],
  ['a directory below', withFile('sub/file')],
  ['a back slash', withFile('..\\secret')],
  ['a drive', withFile('C:secret')],
  ['a stream', withFile('snapshot.v1.5:x')],
  ['a device', withFile('NUL')],
  ['NUL', withFile('a\0b')],
  ['dots', withFile('..')],
  ['nothing', withFile('')],
  ['what is not there', withFile('snapshot.v9.1')],
  ['a link out', withFile('link')],
  ['a directory', withFile('dir')],
  ['half a pair', withFile('\ud800')],
  ['the export data elsewhere', manifest => ({ ...manifest, data: '../secret' })],
  ['no export data', ({ data: _, ...manifest }) => manifest],
  ['an artifact twice', m => ({ ...m, artifacts: [...m.artifacts, m.artifacts[0]] })],
  ['no pair', m => ({ ...m, artifacts: ['x'] })],
  ['no array', m => ({ ...m, artifacts: {} })],
  ['no height', ({ blockHeight: _, ...manifest }) => manifest],
  ['no number', m => ({ ...m, blockHeight: '42' })],
  ['no whole number', m => ({ ...m, blockHeight: 42.5 })],
  ['a number below zero', m => ({ ...m, blockHeight: -42 })],
  ['too large a number', m => ({ ...m, blockHeight: 2 ** 53 })],
  ['an infinite number', m => JSON.stringify(m).replace('"blockHeight":42', '"blockHeight":1e400')],
  ['a file for two artifacts', m => ({ ...m, artifacts: [m.artifacts[0], [m.artifacts[1][0], m.artifacts[0][1]]] })],
  ['a file for data and an artifact', m => ({ ...m, artifacts: [[m.artifacts[0][0], m.data]] })],
  ['a file for a million artifacts', m => ({ ...m, artifacts: Array.from({ length: 1e5 }, (_, i) => [`a${i}`, 'x']) })],
  ['depth', () => `{"blockHeight":42,"x":${'['.repeat(1e6)}`],
  ['no such mode', m => ({ ...m, artifactMode: 'most' })],
  ['no artifacts', m => ({ ...m, artifactMode: 'none' })],
  ['no JSON', () => '{"blockHeight":42,'],
  ['no object', () => '[]'],
  ['a byte order mark', m => `\ufeff${JSON.stringify(m)}`],
];

for (const [what, change] of hostile) {
  check(`hostile manifest: ${what}`, async (t, at) => {
    await makeExport(at);
    fs.writeFileSync(at('secret'), '["kv.secret","1"]\n');
    fs.symlinkSync(at('secret'), path.join(at('export'), 'link'));
    fs.mkdirSync(path.join(at('export'), 'dir'));
    changeManifest(at, change);
    const error = await t.throwsAsync(importSwingStoreFromDirectory(at('export'), at('into')));
    t.regex(error.code, /^ERR_SWING_STORE_(MANIFEST|INCOMPLETE)$/);
    t.true(error.message.length > 30, error.message);
    // It was found out before anything was done.
    t.false(fs.existsSync(at('into')));
  });
}

check('imports that fail', async (t, at) => {
  await makeExport(at, { artifactMode: 'replay' });
  for (const [options, message] of [
    [
      { artifactMode: 'archival' },
      /insufficient artifacts: requested import artifact mode: "archival", manifest has "replay"/,
    ],
    [{ artifactMode: 'all' }, /invalid artifactMode "all"/],
    [{ artifactMode: 'none' }, /must not be "none"/],
    [{ exportDataMode: 'skip' }, /invalid exportDataMode "skip"/],
    [{ blockHeight: 7 }, /unexpected block height 42 \(expected 7\)/],
    [{ readonly: true }, /must not be readonly/],
    [{ serialized: Buffer.alloc(1) }, /must not be serialized/],
    [{ exportCallback: 7 }, /export callback must be a function/],
  ]) {
    await t.throwsAsync(importSwingStoreFromDirectory(at('export'), at('into'), options), { message });
    t.false(fs.existsSync(at('into')));
  }
  await t.throwsAsync(importSwingStoreFromDirectory(at('nowhere'), at('into')), { code: 'ENOENT' });
  await t.throwsAsync(importSwingStoreFromDirectory(at('export'), at('export')), { message: /would erase/ });
  fs.writeFileSync(path.join(at('export'), 'export-data.jsonl'), '["kv.a","1"]\n["kv.b",7]\n');
  await t.throwsAsync(importSwingStoreFromDirectory(at('export'), at('into')), {
    message: /line 2 of .*export-data\.jsonl is not an export record: expected \[key, value\]/,
    code: 'ERR_SWING_STORE_EXPORT_DATA',
  });
  t.deepEqual(fs.readdirSync(at('into')), []);
});

check('the old store stays until the commit', async (t, at) => {
  await makeExport(at);
  for (const unsafeFastMode of [true, false]) {
    const into = at(`into ${unsafeFastMode}`);
    const old = api.initSwingStore(at('living'));
    old.kernelStorage.kvStore.set('old', 'yes');
    await old.hostStorage.commit();
    // As a killed process leaves it, with a log that must not meet the new file.
    fs.mkdirSync(into);
    for (const name of ['swingstore.sqlite', 'swingstore.sqlite-wal']) {
      fs.copyFileSync(path.join(at('living'), name), path.join(into, name));
    }
    await old.hostStorage.close();
    fs.writeFileSync(path.join(into, 'note'), 'old');

    const abandoned = await importSwingStoreFromDirectory(at('export'), into, { unsafeFastMode });
    abandoned.hostStorage.kvStore.set('host.height', '1');
    await abandoned.hostStorage.close();
    t.true(fs.existsSync(path.join(into, 'swingstore.sqlite-wal')));
    t.deepEqual(
      fs.readdirSync(into).filter(name => name.startsWith('.')),
      [],
    );

    const { hostStorage, debug } = await importSwingStoreFromDirectory(at('export'), into, { unsafeFastMode });
    const db = debug.getDatabase();
    t.is(db.name, path.join(into, 'swingstore.sqlite'));
    const count = db.prepare('SELECT count(*) FROM kvStore').pluck();
    const before = count.get();
    t.true(before > 40);
    fs.writeFileSync(path.join(into, 'new'), 'mine');
    hostStorage.kvStore.set('host.height', '42');
    const size = hostStorage.diskUsage();
    t.true(size > 10000);
    await hostStorage.commit();
    // Statements survive the move.
    t.is(count.get(), before + 1);
    t.true(hostStorage.diskUsage() >= size);
    t.false(fs.existsSync(path.join(into, 'note')));
    t.true(fs.existsSync(path.join(into, 'new')));
    hostStorage.kvStore.set('host.height', '43');
    await hostStorage.commit();
    hostStorage.kvStore.set('host.height', '44');
    await hostStorage.close();
    const store = openSwingStore(into);
    t.is(store.hostStorage.kvStore.get('host.height'), '43');
    t.is(store.kernelStorage.kvStore.get('old'), undefined);
    t.is(store.debug.getDatabase().pragma('integrity_check', { simple: true }), 'ok');
    await store.hostStorage.close();
  }
});

check('a commit that is not awaited', async (t, at) => {
  await makeExport(at);
  const { hostStorage } = await importSwingStoreFromDirectory(at('export'), at('into'));
  const committed = hostStorage.commit();
  await hostStorage.close();
  await committed;
  t.is(await valueIn(at('into'), 'key.2'), '22');
  t.deepEqual(fs.readdirSync(at('into')), ['swingstore.sqlite']);
  await t.throwsAsync(hostStorage.close(), { message: 'db not initialized' });
});

check('a store as a file', async (t, at) => {
  await makeExport(at);
  const file = at('one.file');
  fs.writeFileSync(file, 'old');
  const { hostStorage } = await importSwingStoreFromDirectory(at('export'), file, { asFile: true });
  t.is(fs.readFileSync(file, 'utf8'), 'old');
  await hostStorage.commit();
  await hostStorage.close();
  const store = openSwingStore(file, { asFile: true });
  t.is(store.kernelStorage.kvStore.get('key.2'), '22');
  await store.hostStorage.close();
  t.deepEqual(fs.readdirSync(at('')).sort(), ['export', 'one.file', 'store']);
});

const fields = ['bytes', 'done', 'stage', 'total'];
const stages = ['preparing', 'working', 'finishing', 'done'];

/** Checks all reports of one job. */
const checkReports = (t, reports, files) => {
  const last = reports.at(-1);
  t.is(last.stage, 'done');
  t.is(last.done, files);
  t.is(last.total, files);
  for (const [i, report] of reports.entries()) {
    t.deepEqual(Object.keys(report).sort(), fields);
    t.true(Object.isFrozen(report));
    if (i === 0) continue;
    t.true(stages.indexOf(report.stage) >= stages.indexOf(reports[i - 1].stage));
    for (const name of ['bytes', 'done', 'total']) t.true(report[name] >= reports[i - 1][name]);
  }
};

const large = { items: 300, imageSize: 3_000_000 };

checkAlone('progress, and room for other work', async (t, at) => {
  await makeStore(api, at('store'), {}, large);
  let turns = 0;
  let busy = true;
  const others = (async () => {
    for (; busy; turns += 1) await setImmediate();
  })();
  const reports = [];
  const onProgress = report => reports.push(report);
  const exported = await exportSwingStoreToDirectory(at('store'), at('export'), {
    artifactMode: 'archival',
    onProgress,
  });
  checkReports(t, reports, exported.artifacts + 1);
  t.is(reports.at(-1).bytes, exported.bytes);
  reports.length = 0;
  const { hostStorage } = await importSwingStoreFromDirectory(at('export'), at('into'), { onProgress });
  checkReports(t, reports, exported.artifacts + 1);
  await hostStorage.close();
  busy = false;
  await others;
  t.true(turns > 50, `${turns}`);
});

checkAlone('an exception in onProgress ends the work', async (t, at) => {
  await makeExport(at, { artifactMode: 'archival' }, large);
  const failure = new Error('enough');
  for (const when of [0, 1, Infinity]) {
    let count = 0;
    const onProgress = ({ stage }) => {
      count += 1;
      if (count > when || stage === 'done') throw failure;
    };
    const failed = await t.throwsAsync(importSwingStoreFromDirectory(at('export'), at('into'), { onProgress }));
    t.is(failed, failure);
    t.deepEqual(fs.readdirSync(at('into')), []);
  }
  const onProgress = () => {
    throw failure;
  };
  const exporting = exportSwingStoreToDirectory(at('store'), at('again'), { onProgress });
  t.is(await t.throwsAsync(exporting), failure);
});

checkAlone('abort at many moments', async (t, at) => {
  await makeExport(at, { artifactMode: 'archival' }, large);
  let [whole, ended] = [0, 0];
  for (let i = 0; i < 30; i += 1) {
    const controller = new AbortController();
    const { signal } = controller;
    const reason = i % 2 ? new Error(`reason ${i}`) : undefined;
    const exporting = i % 4 < 2;
    const dir = at(`round ${i}`);
    const work = exporting
      ? exportSwingStoreToDirectory(at('store'), dir, { artifactMode: 'archival', signal })
      : importSwingStoreFromDirectory(at('export'), dir, { signal });
    work.catch(() => {});
    await setTimeout(i * 3);
    controller.abort(reason);
    try {
      const result = await work;
      whole += 1;
      if (result.hostStorage) await result.hostStorage.close();
      else t.true(fs.existsSync(path.join(dir, manifestName)));
    } catch (error) {
      ended += 1;
      if (reason) t.is(error, reason);
      else t.is(error.name, 'AbortError');
      // The directory of an export was made for it; that of an import may stay.
      if (exporting) t.false(fs.existsSync(dir));
      else if (fs.existsSync(dir)) t.deepEqual(fs.readdirSync(dir), []);
    }
  }
  t.log({ whole, ended });
  t.true(ended > 0);
});

check('a signal that was already aborted', async (t, at) => {
  await makeExport(at);
  const reason = new Error('too late');
  const signal = AbortSignal.abort(reason);
  t.is(await t.throwsAsync(exportSwingStoreToDirectory(at('store'), at('again'), { signal })), reason);
  t.is(await t.throwsAsync(importSwingStoreFromDirectory(at('export'), at('into'), { signal })), reason);
  t.false(fs.existsSync(at('again')) || fs.existsSync(at('into')));
  const aborted = AbortSignal.abort();
  await t.throwsAsync(exportSwingStoreToDirectory(at('store'), at('again'), { signal: aborted }), {
    name: 'AbortError',
    any: true,
  });
});

check('concurrent exports and imports', async (t, at) => {
  await makeExport(at);
  const names = ['one', 'two', 'three', 'four'];
  await Promise.all([
    ...names.map(name => exportSwingStoreToDirectory(at('store'), at(`export ${name}`), { artifactMode: 'archival' })),
    ...names.map(name => importWhole(at('export'), at(`store ${name}`))),
  ]);
  for (const name of names) {
    t.deepEqual(readFiles(at(`export ${name}`)), readFiles(at('export')));
    t.is(await valueIn(at(`store ${name}`), 'key.2'), '22');
  }
  // To the same place: one of them is first, and all of it is one's.
  const results = await Promise.allSettled(
    names.map(() => exportSwingStoreToDirectory(at('store'), at('same'), { artifactMode: 'archival' })),
  );
  t.true(results.filter(({ status }) => status === 'fulfilled').length <= 1);
  for (const { status, reason } of results) if (status === 'rejected') t.is(reason.code, 'EEXIST');
  // Imports, too, unless one is about to replace the store that another one has just made, and still has open.
  const imports = await Promise.allSettled(names.map(() => importWhole(at('export'), at('same store'))));
  t.true(imports.some(({ status }) => status === 'fulfilled'));
  for (const { status, reason } of imports) {
    if (status === 'rejected') t.is(reason.code, 'ERR_SWING_STORE_IN_USE');
  }
  t.is(await valueIn(at('same store'), 'key.2'), '22');
});

check('an export of a store in use', async (t, at) => {
  await makeStore(api, at('store'));
  const { kernelStorage, hostStorage } = openSwingStore(at('store'));
  kernelStorage.kvStore.set('late', 'not committed');
  const exporting = exportSwingStoreToDirectory(at('store'), at('export'));
  for (let i = 0; i < 20; i += 1) {
    kernelStorage.kvStore.set('more', `${i}`);
    await setImmediate();
  }
  await exporting;
  const data = fs.readFileSync(path.join(at('export'), 'export-data.jsonl'), 'utf8');
  t.false(data.includes('kv.late'));
  await hostStorage.commit();
  await hostStorage.close();
});
