// Directory exports and imports, compared with cosmic-swingset's JavaScript and the reference: identical files, the same
// tables, the same refusals.
import '@endo/init/debug.js';

import test from 'ava';
import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { assertSame } from '../support/common/compare.mjs';
import {
  makeStore,
  manifestName,
  readAsCosmic,
  readFiles,
  writeAsCosmic,
} from '../support/common/cosmic-directory.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { modes, readTables } from '../support/common/observe.mjs';
import { attempt } from '../support/common/outcome.mjs';
import { leaveOut } from '../support/common/requirements.mjs';
import { realStoreDir, subjectIsReference } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

const { exportSwingStoreToDirectory, importSwingStoreFromDirectory } = subject.api;

// The reference has no functions for this, so it can't play both roles.
const check = subjectIsReference ? test.skip : test;

const makeDir = (...parts) => {
  const dir = path.join(...parts);
  fs.mkdirSync(dir);
  return dir;
};

const looked = async (outcome, where) => {
  if (!outcome.resolves) return { verdict: outcome.rejects || outcome };
  const { hostStorage, debug } = outcome.resolves;
  const db = debug.getDatabase();
  const seen = {
    inTransaction: db.inTransaction,
    journal: db.pragma('journal_mode', { simple: true }),
    tables: readTables(db),
  };
  hostStorage.kvStore.set('host.height', '42');
  await hostStorage.commit();
  await hostStorage.close();
  return { ...seen, files: fs.readdirSync(where).sort() };
};

/** Imports a directory with both, compares the results, and returns ours. */
const compareImports = async (base, exportDir, options, what) => {
  const dirs = ['ours', 'theirs'].map(name => path.join(base, `${what} ${name}`));
  // The common messages contain no paths.
  const ours = await looked(await attempt(() => importSwingStoreFromDirectory(exportDir, dirs[0], options)), dirs[0]);
  const theirs = await looked(
    await attempt(async () => reference.api.importSwingStore(await readAsCosmic(exportDir), dirs[1], options)),
    dirs[1],
  );
  // Our message adds what is missing, and what to do.
  const { verdict } = ours;
  const message = verdict?.message?.replace(/\. Missing from the export for mode [^]*$/, '');
  assertSame(message === undefined ? ours : { ...ours, verdict: { ...verdict, message } }, theirs, what);
  return ours;
};

/** Everything that an implementation exports from the other's import. */
const reexported = async (api, base, dir, name) => {
  const to = makeDir(base, name);
  await writeAsCosmic(api, dir, to, { artifactMode: 'debug', exportDataMode: 'all' });
  return readFiles(to);
};

for (const artifactMode of [...modes, 'none', undefined]) {
  check(`export, artifactMode ${artifactMode}`, async t => {
    await inTempDir(async base => {
      const store = path.join(base, 'store');
      await makeStore(reference.api, store);
      for (const exportDataMode of ['all', 'skip']) {
        const ours = path.join(base, `ours ${exportDataMode}`);
        const theirs = makeDir(base, `theirs ${exportDataMode}`);
        const exported = await exportSwingStoreToDirectory(store, ours, { artifactMode, exportDataMode });
        await writeAsCosmic(reference.api, store, theirs, { artifactMode, exportDataMode });
        assertSame(readFiles(ours), readFiles(theirs), `${artifactMode} ${exportDataMode}`);
        const { artifacts } = JSON.parse(fs.readFileSync(path.join(theirs, manifestName), 'utf8'));
        t.is(exported.artifacts, artifacts.length);
        t.is(exported.blockHeight, 42);
      }
    });
  });
}

for (const artifactMode of modes) {
  check(`compressed export, artifactMode ${artifactMode}`, async t => {
    await inTempDir(async base => {
      // Images of either implementation's compressor.
      for (const [maker, { api }] of Object.entries({ reference, subject })) {
        const at = name => path.join(base, `${maker} ${name}`);
        const size = { items: 5, imageSize: 10_000 };
        await makeStore(api, at('store'), {}, size);
        await exportSwingStoreToDirectory(at('store'), at('ours'), { artifactMode, compress: true });
        await writeAsCosmic(reference.api, at('store'), makeDir(at('theirs')), { artifactMode, exportDataMode: 'all' });
        const expected = readFiles(at('theirs'));
        const found = Object.entries(readFiles(at('ours'))).map(([name, bytes]) =>
          name.endsWith('.gz')
            ? [name.slice(0, -3), gunzipSync(Buffer.from(bytes, 'base64')).toString('base64')]
            : [name, bytes],
        );
        const { [manifestName]: manifest, ...files } = Object.fromEntries(found);
        const { [manifestName]: theirManifest, ...theirs } = expected;
        assertSame(files, theirs, maker);
        const parse = text => JSON.parse(Buffer.from(text, 'base64').toString());
        const { artifacts, ...fields } = parse(theirManifest);
        const compressed = artifacts.map(([name, file]) => [name, `${file}.gz`]);
        t.deepEqual(parse(manifest), { ...fields, compressed: true, artifacts: compressed });
        // The same store as from a plain export, in which the reference sees the same.
        const tables = [];
        for (const dir of ['ours', 'theirs']) {
          const into = at(`from ${dir}`);
          const { hostStorage, debug } = await importSwingStoreFromDirectory(at(dir), into);
          tables.push(readTables(debug.getDatabase()));
          await hostStorage.commit();
          await hostStorage.close();
        }
        assertSame(tables[0], tables[1], `${maker}'s store, imported`);
        assertSame(
          await reexported(reference.api, base, at('from ours'), `${maker} ours again`),
          await reexported(reference.api, base, at('from theirs'), `${maker} theirs again`),
          `${maker}'s store, exported again`,
        );
      }
    });
  });
}

check('import in each mode of exports in each mode', async t => {
  await inTempDir(async base => {
    const store = path.join(base, 'store');
    await makeStore(subject.api, store);
    for (const [i, exported] of modes.entries()) {
      const dir = path.join(base, exported);
      await exportSwingStoreToDirectory(store, dir, { artifactMode: exported });
      for (const artifactMode of modes.slice(0, i + 1)) {
        const what = `${exported} as ${artifactMode}`;
        const { verdict } = await compareImports(base, dir, { artifactMode }, what);
        if (verdict) {
          // The current incarnation of the terminated vat is requested.
          t.is(what, 'debug as replay');
          continue;
        }
        const files = await reexported(reference.api, base, path.join(base, `${what} ours`), `${what} again`);
        assertSame(
          files,
          await reexported(subject.api, base, path.join(base, `${what} theirs`), `${what} again 2`),
          what,
        );
      }
    }
  });
});

check('options reach the store, and the export callback gets every change', async t => {
  await inTempDir(async base => {
    const store = path.join(base, 'store');
    await makeStore(subject.api, store);
    const dir = path.join(base, 'export');
    await exportSwingStoreToDirectory(store, dir, { artifactMode: 'archival' });
    for (const unsafeFastMode of [true, false]) {
      const heard = [[], []];
      const results = [];
      for (const [i, importStore] of [
        options => importSwingStoreFromDirectory(dir, path.join(base, `${unsafeFastMode} ours`), options),
        async options =>
          reference.api.importSwingStore(await readAsCosmic(dir), path.join(base, `${unsafeFastMode} theirs`), options),
      ].entries()) {
        const { hostStorage, debug } = await importStore({
          artifactMode: 'archival',
          unsafeFastMode,
          exportCallback: list => heard[i].push([...list]),
        });
        const db = debug.getDatabase();
        const journal = () => db.pragma('journal_mode', { simple: true });
        const seen = [journal(), readTables(db)];
        await hostStorage.commit();
        results.push([...seen, journal(), readTables(db), hostStorage.diskUsage() > 0]);
        // A store that continues.
        hostStorage.kvStore.set('host.more', '1');
        await hostStorage.commit();
        await hostStorage.close();
      }
      t.true(heard[1].length > 0);
      assertSame(heard[0], heard[1], 'what the callback hears');
      assertSame(results[0], results[1], `unsafeFastMode ${unsafeFastMode}`);
    }
  });
});

const spoil = (name, change) => dir => {
  const found = fs
    .readdirSync(dir)
    .filter(file => file.startsWith(name))
    .sort()[0];
  const file = path.join(dir, found);
  fs.writeFileSync(file, change(fs.readFileSync(file)));
};
const changeData = change =>
  spoil('export-data', bytes => `${change(bytes.toString().split('\n').slice(0, -1)).join('\n')}\n`);
const changeManifest = change =>
  spoil('export-manifest', bytes => JSON.stringify(change(JSON.parse(bytes.toString()))));
const without = name => manifest => ({
  ...manifest,
  artifacts: manifest.artifacts.filter(([artifact]) => !artifact.startsWith(name)),
});
/** The artifacts of a manifest, with the first moved to the end and renamed. */
const renamed = ({ artifacts: [[, file], ...others] }, name) => [...others, [name, file]];
const record = (key, value) => JSON.stringify([key, value]);

/** Faults of a directory that both report in the same way. */
const spoilers = {
  'a changed item': spoil('transcript.v1.', bytes => bytes.toString().replace('v1', 'v9')),
  'an item too many': spoil('transcript.v2.', bytes => Buffer.concat([bytes, Buffer.from('more\n')])),
  'an item too few': spoil('transcript.v1.', bytes => bytes.subarray(0, bytes.indexOf(10) + 1)),
  'no last newline': spoil('transcript.v1.', bytes => bytes.subarray(0, -1)),
  'an empty span': spoil('transcript.v1.', () => Buffer.alloc(0)),
  'a changed image': spoil('snapshot.', bytes => Buffer.concat([bytes, Buffer.from('x')])),
  'a changed script': spoil('bundle.b0', bytes => Buffer.concat([bytes, Buffer.from(' ')])),
  'a changed archive': spoil('bundle.b1', bytes => bytes.subarray(0, -3)),
  'no snapshots': changeManifest(without('snapshot.')),
  'no bundles': changeManifest(without('bundle.')),
  'no spans': changeManifest(without('transcript.v1.')),
  'no artifacts': changeManifest(manifest => ({ ...manifest, artifacts: [] })),
  'an unknown artifact': changeManifest(manifest => ({
    ...manifest,
    artifacts: renamed(manifest, 'snapper.v1.1'),
  })),
  'an artifact without a record': changeManifest(manifest => ({
    ...manifest,
    artifacts: renamed(manifest, 'transcript.v77.0.1'),
  })),
  'a bundle without a record': changeData(lines => lines.filter(line => !line.startsWith('["bundle.b0'))),
  'a malformed name': changeManifest(manifest => ({
    ...manifest,
    artifacts: renamed(manifest, 'transcript.v1'),
  })),
  'an unknown record': changeData(lines => [...lines, record('what.is.this', 'x')]),
  'a record that is no JSON': changeData(lines => [...lines, record('transcript.v3.current', 'x')]),
  'a record without a field': changeData(lines => [...lines, record('snapshot.v3.1', '{"vatID":"v3"}')]),
  'a key of the host': changeData(lines => [...lines, record('kv.host.x', '1')]),
  'a local key': changeData(lines => [...lines, record('kv.local.y', '1')]),
  'keys that come again and go': changeData(lines => [
    record('kv.a', '1'),
    record('kv.b', '1'),
    ...lines,
    record('kv.a', '2'),
    '["kv.b",null]',
    '["kv.key.3"]',
    record('kv', 'the empty key'),
  ]),
  'records that come again and go': changeData(lines => [
    record('bundle.b0-00', 'b0-00'),
    ...lines,
    '["bundle.b0-00",null]',
    ...lines.filter(line => line.startsWith('["transcript.')),
  ]),
  'lines with space': changeData(lines => lines.map(line => ` ${line.replace('","', '" , "')}\r`)),
};

for (const [what, change] of Object.entries(spoilers)) {
  check(`spoiled export: ${what}`, async t => {
    await inTempDir(async base => {
      const store = path.join(base, 'store');
      await makeStore(subject.api, store);
      const dir = path.join(base, 'export');
      await exportSwingStoreToDirectory(store, dir, { artifactMode: 'archival' });
      change(dir);
      const ours = await compareImports(base, dir, { artifactMode: 'archival' }, what);
      if (ours.verdict) {
        // It leaves nothing.
        t.deepEqual(fs.readdirSync(path.join(base, `${what} ours`)), []);
      } else {
        t.deepEqual(ours.files, ['swingstore.sqlite']);
      }
    });
  });
}

check("a real kernel's store", async t => {
  const packed = path.join(realStoreDir, 'swingstore.sqlite.xz');
  if (!fs.existsSync(packed)) {
    leaveOut(t, 'real-store', `there is no ${path.basename(packed)}`);
    return;
  }
  t.timeout(600_000);
  await inTempDir(async base => {
    const store = makeDir(base, 'store');
    fs.copyFileSync(packed, path.join(store, 'swingstore.sqlite.xz'));
    await promisify(execFile)('xz', ['--decompress', path.join(store, 'swingstore.sqlite.xz')]);
    fs.chmodSync(path.join(store, 'swingstore.sqlite'), 0o644);
    const ours = path.join(base, 'ours');
    const theirs = makeDir(base, 'theirs');
    await exportSwingStoreToDirectory(store, ours, { artifactMode: 'operational' });
    await writeAsCosmic(reference.api, store, theirs, { artifactMode: 'operational', exportDataMode: 'all' });
    assertSame(readFiles(ours), readFiles(theirs), 'the real store');
    const { tables } = await compareImports(base, theirs, { artifactMode: 'operational' }, 'the real store');
    t.true(tables.kvStore.length > 1000);
  });
});
