// Files, directories and disks without permission to read or write: the errors, and that no partial work is left. The
// programs in `support/robustness/disk` also check that everything succeeds with permission.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { run, runOnReadOnlyDisk, whyNoDisk } from '../support/robustness/small-disks.mjs';
import { makeStore } from '../support/common/cosmic-directory.mjs';
import { subject } from '../support/common/implementations.mjs';
import { program } from '../support/common/cli.mjs';
import { needing } from '../support/common/requirements.mjs';

// In memory, if possible, because nothing has to be durable.
const base = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
const dir = fs.mkdtempSync(path.join(base, 'swing-store-permissions-'));
// So that another user can access the files in it.
fs.chmodSync(dir, 0o755);
test.after.always(() => fs.rmSync(dir, { recursive: true, force: true }));

const fixture = name => fileURLToPath(new URL(`../support/robustness/disk/${name}`, import.meta.url));
const makePlace = name => {
  const place = path.join(dir, name);
  fs.mkdirSync(place);
  return place;
};

const isUnix = process.platform !== 'win32';
const onUnix = isUnix ? test : test.skip;
if (!isUnix) console.warn('Permissions are not tried: this system has others.');
const reason = whyNoDisk(dir);
const onReadOnlyDisk = needing(test, 'user-namespaces', !reason, reason);

/** Gives a code its name in messages of better-sqlite3, which does not know all of SQLite's. */
const wordsOf = said => said.replace(/^UNKNOWN_SQLITE_ERROR_1544:/, 'SQLITE_READONLY_DIRECTORY:');

/** Asserts that a message names the file, and gives advice after SQLite's text. */
const isClear = (t, said, what) => {
  t.regex(said, /DIR\/\S+/, what);
  t.notRegex(said, /^(undefined|ERR_SWING_STORE_INTERNAL)|immutable/, what);
  if (/SQLITE_/.test(said)) t.regex(said, /: DIR\/\S+sqlite\. [A-Z]/, what);
};

const SQLITE = /^SQLITE_(CANTOPEN|READONLY|READONLY_DIRECTORY): (unable to open|attempt to write)/;

/** If a file can't be removed, newer versions of Node.js name its directory instead of the file. */
const namesDirectory = Number.parseInt(process.versions.node, 10) > 22;

/** Asserts that both give the same message, for functions that the reference has. */
const isSame = (t, { reference, ours }, what) => {
  for (const [work, said] of Object.entries(reference)) {
    const mask = words => {
      const masked = words.replace(/(snapshot\.v1\.5-)\S+/, '$1');
      return namesDirectory && work === 'init' ? masked.replaceAll('/swingstore.sqlite', '') : masked;
    };
    t.is(mask(ours[work]), mask(wordsOf(said)), `${what}: ${work}`);
  }
};

onUnix('what may not be read or written is said to be so, and nothing is left half-done', async t => {
  t.timeout(120_000);
  const { code, stdout, stderr } = await run(process.execPath, [
    fixture('jobs-without-permission.mjs'),
    makePlace('permissions'),
    program,
  ]);
  t.is(code, 0, stderr);
  const outcomes = JSON.parse(stdout);
  // The reference removes the empty directory and creates another.
  t.is(outcomes['place for store not writable'].reference.import, 'done');
  delete outcomes['place for store not writable'].reference;
  let failures = 0;
  for (const [fault, said] of Object.entries(outcomes)) {
    const { reference = {}, ours = {}, program: byProgram = {} } = said;
    isSame(t, { reference, ours }, fault);
    for (const [work, words] of Object.entries(ours)) {
      if (words !== 'done') failures += 1;
      if (words !== 'done' && !(work in reference)) isClear(t, words, `${fault}: ${work}`);
    }
    for (const [work, words] of Object.entries(byProgram)) {
      if (words === 'done') continue;
      isClear(t, words, `${fault}: program ${work}`);
      t.regex(words, /^3: error: /);
    }
  }
  t.log(`${failures} failures`);
  t.true(failures > 40);
  // Jobs that need no permission succeed.
  for (const work of ['verify', 'history', 'export', 'archive', 'diff']) {
    t.is(outcomes['directory not writable'].ours[work], 'done', work);
    t.is(outcomes['file not writable'].ours[work], 'done', work);
    t.is(outcomes['empty log left, directory not writable'].ours[work], 'done', work);
    for (const fault of ['file and directory not writable', 'directory not writable', 'journal not readable'])
      t.regex(outcomes[`journal left, ${fault}`].ours[work], /^ERR_SWING_STORE_OPEN: .*journal/, work);
  }
  for (const work of ['open', 'exporter']) t.regex(outcomes['directory not writable'].ours[work], SQLITE);
});

for (const withLog of [false, true]) {
  onReadOnlyDisk(`a store on a read-only disk${withLog ? ', with a log' : ''}`, async t => {
    t.timeout(120_000);
    const { api } = subject;
    const place = makePlace(withLog ? 'logged' : 'closed');
    const at = name => path.join(place, name);
    await makeStore(api, at('store'));
    await api.exportSwingStoreToDirectory(at('store'), at('export'), { artifactMode: 'debug' });
    if (withLog) {
      const { kernelStorage, hostStorage } = api.openSwingStore(at('store'));
      kernelStorage.kvStore.set('in the log', 'value');
      await hostStorage.commit();
      fs.cpSync(at('store'), at('copy'), { recursive: true });
      await hostStorage.close();
      fs.rmSync(at('store'), { recursive: true });
      fs.renameSync(at('copy'), at('store'));
      fs.rmSync(at('store/swingstore.sqlite-shm'));
    }
    const before = fs.readdirSync(at('store'));
    const { code, stdout, stderr } = await runOnReadOnlyDisk(at('store'), [
      process.execPath,
      fixture('read-only-disk.mjs'),
      place,
    ]);
    t.is(code, 0, stderr);
    const { reference, ours } = JSON.parse(stdout);
    isSame(t, { reference, ours }, 'read-only');
    for (const [work, said] of Object.entries(ours)) {
      if (work in reference) t.not(said, 'done', work);
      else if (withLog || ['init', 'prune', 'repopulate', 'reclaim', 'repair'].includes(work)) isClear(t, said, work);
      else t.is(said, 'done', work);
    }
    t.deepEqual(fs.readdirSync(at('store')), before);
  });
}
