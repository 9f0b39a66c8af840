// Owners and permissions: of stores and files that replace others, of hidden files during work, and of unrelated files next to
// a store.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

import { makeStore } from '../support/common/cosmic-directory.mjs';
import { subject } from '../support/common/implementations.mjs';
import { program, runCli } from '../support/common/cli.mjs';
import { run } from '../support/robustness/small-disks.mjs';
import { isRoot, needing } from '../support/common/requirements.mjs';

const { api } = subject;
const base = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-rights-'));
fs.chmodSync(base, 0o755);
test.after.always(() => fs.rmSync(base, { recursive: true, force: true }));

const at = name => path.join(base, name);
const fileIn = dir => path.join(dir, 'swingstore.sqlite');
const isUnix = process.platform !== 'win32';
const onUnix = isUnix ? test : test.skip;
const asRoot = needing(test, 'root', isRoot);

const SUFFIXES = ['-journal', '-wal', '-shm'];
const OTHER = 1234;

/** Permissions, owner and group. */
const rightsOf = file => {
  const { mode, uid, gid } = fs.lstatSync(file);
  return { mode: (mode & 0o7777).toString(8), uid, gid };
};

test.before(async () => {
  await makeStore(api, at('store'));
  await api.exportSwingStoreToDirectory(at('store'), at('export'), { artifactMode: 'debug' });
});

/** A copy of the store that other users may not access. */
const makeSecret = name => {
  const dir = at(name);
  fs.mkdirSync(dir);
  fs.copyFileSync(fileIn(at('store')), fileIn(dir));
  fs.chmodSync(fileIn(dir), 0o600);
  fs.chmodSync(dir, 0o2710);
  if (isRoot) for (const file of [fileIn(dir), dir]) fs.chownSync(file, OTHER, OTHER);
  if (isRoot) fs.chmodSync(dir, 0o2710);
  return dir;
};

const works = {
  init: async (place, options) => api.initSwingStore(place, options),
  import: (place, options) => {
    const exporter = api.makeSwingStoreExporter(at('store'), { artifactMode: 'debug' });
    return api.importSwingStore(exporter, place, { artifactMode: 'debug', ...options });
  },
  'import from a directory': (place, options) =>
    api.importSwingStoreFromDirectory(at('export'), place, { artifactMode: 'debug', ...options }),
};

for (const [name, work] of Object.entries(works)) {
  for (const asFile of [false, true]) {
    onUnix(`${name}: a store keeps the rights of the one that it replaces${asFile ? ', as a file' : ''}`, async t => {
      const dir = makeSecret(`${name} ${asFile}`);
      const file = fileIn(dir);
      const before = [rightsOf(dir), rightsOf(file)];
      const { hostStorage } = await work(asFile ? file : dir, { asFile, unsafeFastMode: false });
      await hostStorage.commit();
      hostStorage.kvStore.set('host.secret', 'value');
      await hostStorage.commit();
      t.deepEqual([rightsOf(dir), rightsOf(file)], before);
      for (const suffix of ['-wal', '-shm']) t.is(rightsOf(`${file}${suffix}`).mode, '600');
      await hostStorage.close();
      t.deepEqual([rightsOf(dir), rightsOf(file)], before);
      const usual = at(`${name} ${asFile} usual`);
      const { hostStorage: other } = await work(usual, { asFile });
      await other.commit();
      await other.close();
      t.is(rightsOf(asFile ? usual : fileIn(usual)).mode, '644');
    });

    onUnix(`${name}: links beside a store${asFile ? ', as a file' : ''}`, async t => {
      const dir = makeSecret(`${name} ${asFile} links`);
      const file = fileIn(dir);
      const elsewhere = at(`${name} ${asFile} elsewhere`);
      for (const suffix of SUFFIXES) {
        const contents = fs.readFileSync(file);
        fs.symlinkSync(elsewhere, `${file}${suffix}`);
        let failure;
        try {
          const { hostStorage } = await work(asFile ? file : dir, { asFile });
          await hostStorage.commit();
          await hostStorage.close();
        } catch (error) {
          failure = error;
        }
        t.false(fs.existsSync(elsewhere), suffix);
        if (asFile) {
          t.regex(`${failure?.message}`, /^opening .*: it is not a regular file$/);
          t.deepEqual(fs.readFileSync(file), contents);
          fs.rmSync(`${file}${suffix}`);
        } else {
          t.is(failure, undefined);
          t.deepEqual(fs.readdirSync(dir), ['swingstore.sqlite']);
        }
      }
    });
  }
}

onUnix('init erases a link to a directory, not what it leads to', async t => {
  const dir = makeSecret('linked');
  fs.symlinkSync(dir, at('link'));
  const { hostStorage } = api.initSwingStore(at('link'));
  await hostStorage.close();
  t.true(fs.lstatSync(at('link')).isDirectory());
  t.deepEqual(fs.readFileSync(fileIn(dir)), fs.readFileSync(fileIn(at('store'))));
});

test("a file at a store's path stays until an import is committed", async t => {
  const file = at('a file');
  fs.writeFileSync(file, 'old');
  for (const name of ['import', 'import from a directory']) {
    const { hostStorage } = await works[name](file);
    await hostStorage.close();
    t.is(fs.readFileSync(file, 'utf8'), 'old', name);
  }
  await t.throwsAsync(api.importSwingStoreFromDirectory(at('no export'), file));
  t.is(fs.readFileSync(file, 'utf8'), 'old');
  const { hostStorage } = await works.import(file);
  await hostStorage.commit();
  await hostStorage.close();
  t.true(api.isSwingStore(file));
});

onUnix('what is hidden is hidden from others, whatever the umask', async t => {
  const script = `
    const api = require(${JSON.stringify(path.resolve('index.js'))});
    const fs = require('node:fs');
    process.umask(0);
    const [from, to] = process.argv.slice(1);
    api.importSwingStoreFromDirectory(from, to).then(async ({ hostStorage }) => {
      const hidden = fs.readdirSync(to).filter(name => name.startsWith('.swing-store-import-'));
      const modes = [...hidden, ...hidden.map(name => name + '/lock')].map(name => fs.statSync(to + '/' + name).mode);
      await hostStorage.commit();
      console.log(JSON.stringify(modes.map(mode => (mode & 0o777).toString(8))));
    });`;
  const { code, stdout, stderr } = await run(process.execPath, ['-e', script, at('export'), at('open to all')]);
  t.is(code, 0, stderr);
  t.deepEqual(JSON.parse(stdout), ['700', '600']);
});

test('a report replaces only its file', async t => {
  fs.mkdirSync(at('pages/.env-production'), { recursive: true });
  fs.writeFileSync(at('pages/.env-production/lock'), '');
  fs.writeFileSync(at('pages/.env-production/key'), 'secret');
  fs.writeFileSync(at('pages/env'), 'old');
  fs.chmodSync(at('pages/env'), 0o600);
  const page = (...more) => runCli(['inspect', '--state-dir', at('store'), '--no-verify', '--html', ...more]);
  const { code, stderr } = await page(at('pages/env'), '--force');
  t.is(code, 0, stderr);
  t.is(fs.readFileSync(at('pages/.env-production/key'), 'utf8'), 'secret');
  t.regex(fs.readFileSync(at('pages/env'), 'utf8'), /^<!doctype/i);
  t.deepEqual(fs.readdirSync(at('pages')), ['.env-production', 'env']);
  if (!isUnix) return;
  t.is(rightsOf(at('pages/env')).mode, '600');
  const { code: refused, stderr: said } = await page('/dev/null', '--force');
  t.not(refused, 0);
  t.regex(said, /\/dev\/null: it is not a regular file/);
  t.true(fs.statSync('/dev/null').isCharacterDevice());
});

const HEX = '0123456789abcdef';

asRoot('what another user plants in a shared directory is not acted on', async t => {
  const shared = at('shared');
  fs.mkdirSync(shared);
  fs.chmodSync(shared, 0o1777);
  const victim = path.join(shared, 'transcript.v1.0.5');
  fs.writeFileSync(victim, 'of a third user');
  fs.chownSync(victim, 4321, 4321);
  const { size, mtimeMs, ino } = fs.statSync(victim);
  const seconds = Math.floor(mtimeMs / 1000);
  const planted = ['export', 'import', 'archive', 'repopulate', 'file'].map(kind =>
    path.join(shared, `.swing-store-${kind}-${HEX}`),
  );
  for (const dir of planted) {
    fs.mkdirSync(dir);
    fs.writeFileSync(path.join(dir, 'lock'), '');
    fs.writeFileSync(path.join(dir, 'export-manifest.json'), '{}');
    const list = `${size} ${seconds} transcript.v1.0.5\n${size} ${seconds} ${ino} transcript.v1.0.5\n`;
    fs.writeFileSync(path.join(dir, '.moved'), list);
    for (const file of [...fs.readdirSync(dir).map(name => path.join(dir, name)), dir])
      fs.chownSync(file, OTHER, OTHER);
  }
  const temporary = path.join(shared, `.swing-store-archive-${HEX}.gz.tmp`);
  fs.writeFileSync(temporary, '');
  fs.chownSync(temporary, OTHER, OTHER);
  const before = fs.readdirSync(shared);
  const cli = (...args) => runCli([...args, '--state-dir', at('store')]);
  await cli('export', '--export-dir', shared);
  await cli('archive', '--archive-dir', shared);
  await cli('inspect', '--no-verify', '--html', path.join(shared, 'page'));
  t.is(fs.readFileSync(victim, 'utf8'), 'of a third user');
  for (const name of before) t.true(fs.existsSync(path.join(shared, name)), name);
  t.true(fs.existsSync(path.join(shared, 'page')));

  // A user's leftovers are removed by that user's next process.
  const script = `process.setgroups([]); process.setgid(${OTHER}); process.setuid(${OTHER});
    process.argv.splice(1, 0, ${JSON.stringify(program)});
    require(${JSON.stringify(program)});`;
  fs.rmSync(path.join(planted[0], '.moved'));
  const args = ['export', '--export-dir', shared, '--state-dir', at('store')];
  await run(process.execPath, ['-e', script, ...args]);
  t.false(fs.existsSync(planted[0]), 'their own');
  t.is(fs.readFileSync(victim, 'utf8'), 'of a third user');
});
