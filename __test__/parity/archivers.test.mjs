// Archiving spans and snapshots as they are created, compared with the reference: the same files, contents and failures.
// Ours writes them in the addon with `nativeArchivePowers`, and with the caller's powers otherwise.
import '@endo/init/debug.js';

import test from 'ava';
import { Buffer } from 'node:buffer';
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import tmp from 'tmp';
import { assertSame } from '../support/common/compare.mjs';
import { fillStore } from '../support/common/cosmic-directory.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';
import { needing } from '../support/common/requirements.mjs';

const program = fileURLToPath(new URL('../support/parity/programs/archive-spans.mjs', import.meta.url));
const powers = { fs, path, tmp };
const check = subjectIsReference ? test.skip : test;

/** Makes archivers; ours use the addon's powers by default. */
const archivers = (api, dir, given = api.nativeArchivePowers ?? powers) => ({
  archiveSnapshot: api.makeArchiveSnapshot(dir, given),
  archiveTranscript: api.makeArchiveTranscript(dir, given),
});

/** The names, contents and permissions of an archive's files. */
const readArchive = dir =>
  fs
    .readdirSync(dir)
    .sort()
    .map(name => {
      const file = path.join(dir, name);
      return [name, gunzipSync(fs.readFileSync(file)).toString('base64'), fs.statSync(file).mode & 0o777];
    });

/** Whether the addon wrote a file: its members contain their lengths. */
const isNative = file =>
  fs
    .readFileSync(file)
    .subarray(10, 14)
    .equals(Buffer.from([8, 0, ...Buffer.from('IG')]));

/** Calls a function with each implementation, each with its own directory, and compares the results. */
const compare = async (what, options, act) => {
  await inTempDir(async base => {
    const outcomes = [];
    for (const [{ api }, given] of [[subject], [subject, powers], [reference, powers]]) {
      const dir = fs.mkdtempSync(path.join(base, 'archive-'));
      const store = api.initSwingStore(fs.mkdtempSync(path.join(base, 'store-')), {
        ...archivers(api, dir, given),
        ...options,
      });
      outcomes.push(await act(store, dir));
      await store.hostStorage.close();
    }
    assertSame(outcomes[0], outcomes[2], what);
    assertSame(outcomes[1], outcomes[2], `${what}, by the caller's powers`);
  });
};

for (const options of [{}, { keepTranscripts: false }, { keepSnapshots: true, keepTranscripts: false }]) {
  test(`the same files, ${JSON.stringify(options)}`, async t => {
    await compare('files', options, async (store, dir) => {
      await fillStore(store, { items: 7, imageSize: 50_000 });
      const seen = readArchive(dir);
      t.true(seen.length > 20);
      await store.hostStorage.commit();
      return seen;
    });
  });
}

check('the addon writes the files if it is selected; otherwise the powers are used, patched or not', async t => {
  await inTempDir(async base => {
    const { nativeArchivePowers } = subject.api;
    const calls = [];
    const spy = (object, name) => ({
      ...object,
      [name]: (...args) => {
        calls.push(name);
        return object[name](...args);
      },
    });
    const cases = {
      native: nativeArchivePowers,
      usual: powers,
      copied: { ...nativeArchivePowers },
      rename: { ...powers, fs: spy(fs, 'renameSync') },
      mixed: { ...nativeArchivePowers, fs: spy(fs, 'renameSync') },
      join: { ...powers, path: spy(path, 'join') },
      tmp: { ...powers, tmp: spy(tmp, 'fileSync') },
    };
    for (const [name, given] of Object.entries(cases)) {
      calls.length = 0;
      const dir = path.join(base, name);
      const store = subject.api.initSwingStore(null, archivers(subject.api, dir, given));
      await fillStore(store, { items: 200 });
      await store.hostStorage.close();
      t.is(calls.length > 0, !['native', 'usual', 'copied'].includes(name), name);
      t.is(isNative(path.join(dir, 'transcript.v1.0.200.gz')), name === 'native', name);
      t.is(fs.readdirSync(dir).length, 25);
    }
    // Patches of a module take effect at once.
    const dir = path.join(base, 'patched');
    const store = subject.api.initSwingStore(null, archivers(subject.api, dir, powers));
    const { renameSync } = fs;
    const patched = [];
    fs.renameSync = (...args) => {
      patched.push(path.basename(args[1]));
      return renameSync(...args);
    };
    try {
      await fillStore(store);
      await store.hostStorage.close();
    } finally {
      fs.renameSync = renameSync;
    }
    t.true(patched.includes('transcript.v1.0.5.gz'));
    // A callback that wraps ours is called, too.
    const around = path.join(base, 'around');
    const { archiveTranscript } = archivers(subject.api, around, nativeArchivePowers);
    const counting = (name, entries) => {
      calls.push(name);
      return archiveTranscript(name, entries);
    };
    const other = subject.api.initSwingStore(null, { archiveTranscript: counting });
    await fillStore(other);
    await other.hostStorage.close();
    t.true(calls.includes('transcript.v1.0.5'));
    t.true(fs.existsSync(path.join(around, 'transcript.v1.0.5.gz')));
  });
});

test('rolled-back spans stay archived', async t => {
  await compare('rollback', { keepTranscripts: false }, async ({ kernelStorage, hostStorage }, dir) => {
    const { transcriptStore, startCrank, establishCrankSavepoint, rollbackCrank, endCrank } = kernelStorage;
    transcriptStore.initTranscript('v1');
    for (let i = 0; i < 50; i += 1) transcriptStore.addItem('v1', `item ${i}`);
    await hostStorage.commit();
    startCrank();
    establishCrankSavepoint('start');
    transcriptStore.addItem('v1', 'rolled back');
    const rolling = transcriptStore.rolloverSpan('v1');
    // While the span is being archived.
    rollbackCrank('start');
    endCrank();
    await rolling;
    const seen = readArchive(dir);
    t.deepEqual(
      seen.map(([name]) => name),
      ['transcript.v1.0.51.gz'],
    );
    return [seen, transcriptStore.getCurrentSpanBounds('v1'), [...transcriptStore.readSpan('v1')]];
  });
});

test('the archive is not awaited, and the store is closed', async t => {
  await inTempDir(async base => {
    for (const keepTranscripts of [true, false]) {
      const seen = [subject, reference].map(async ({ api }) => {
        const dir = fs.mkdtempSync(path.join(base, 'archive-'));
        const store = api.initSwingStore(null, { keepTranscripts, ...archivers(api, dir) });
        const { transcriptStore } = store.kernelStorage;
        transcriptStore.initTranscript('v1');
        for (let i = 0; i < 3000; i += 1) transcriptStore.addItem('v1', `${i}`.repeat(100));
        const rolling = transcriptStore.rolloverSpan('v1');
        await store.hostStorage.close();
        await rolling;
        return readArchive(dir);
      });
      const [ours, theirs] = await Promise.all(seen);
      t.is(ours.length, 1);
      assertSame(ours, theirs, 'closed');
    }
  });
});

const failures = {
  'no directory': dir => fs.rmSync(dir, { recursive: true }),
  'a file in the place of the directory': dir => {
    fs.rmSync(dir, { recursive: true });
    fs.writeFileSync(dir, '');
  },
  'directories in the place of the files': dir => {
    for (const name of ['snapshot.v1.7', 'transcript.v1.0.3']) fs.mkdirSync(path.join(dir, `${name}.gz`));
  },
};
// The only directory in which root can't write.
const readOnly = '/sys/kernel';
needing(
  test,
  'sysfs',
  fs.existsSync(readOnly),
)('failures: a directory that is read-only', async t => {
  const codes = [];
  for (const { api } of [subject, reference]) {
    const { kernelStorage, hostStorage } = api.initSwingStore(null, archivers(api, readOnly));
    kernelStorage.transcriptStore.initTranscript('v1');
    kernelStorage.transcriptStore.addItem('v1', 'item');
    const { code } = await t.throwsAsync(() => kernelStorage.transcriptStore.rolloverSpan('v1'));
    codes.push(code);
    await hostStorage.close();
  }
  t.regex(codes[0], /^E(ACCES|PERM|ROFS)$/);
  t.is(codes[0], codes[1]);
});

for (const [name, spoil] of Object.entries(failures)) {
  test(`failures: ${name}`, async t => {
    for (const keepTranscripts of [true, false]) {
      await compare(name, { keepTranscripts }, async ({ kernelStorage, hostStorage }, dir) => {
        const { transcriptStore, snapStore } = kernelStorage;
        transcriptStore.initTranscript('v1');
        for (let i = 0; i < 3; i += 1) transcriptStore.addItem('v1', `item ${i}`);
        spoil(dir);
        const codes = [];
        for (const work of [
          () => snapStore.saveSnapshot('v1', 7, [Buffer.from('image')]),
          () => transcriptStore.rolloverSpan('v1'),
        ]) {
          const { code } = await t.throwsAsync(work);
          t.regex(code, /^E[A-Z]+$/);
          codes.push(code);
        }
        await hostStorage.commit();
        // The store has made the change nevertheless.
        const { snapPos } = snapStore.getSnapshotInfo('v1');
        const left = fs.statSync(dir, { throwIfNoEntry: false })?.isDirectory() ? fs.readdirSync(dir).sort() : [];
        return [codes, snapPos, transcriptStore.getCurrentSpanBounds('v1'), left];
      });
    }
  });
}

test('failures: files that must not grow', async t => {
  await inTempDir(async base => {
    const seen = {};
    for (const implementation of ['ours', 'reference']) {
      const dir = path.join(base, implementation);
      // The database is also larger than the limit of files, so it is in memory.
      const command = `trap '' XFSZ; ulimit -f 8; exec "$0" "$@"`;
      const args = ['-c', command, process.execPath, program, implementation, '', dir];
      const { stdout } = await promisify(execFile)('bash', args);
      seen[implementation] = [JSON.parse(stdout), fs.readdirSync(dir)];
      t.true(seen[implementation][0].includes('EFBIG'));
    }
    t.deepEqual(seen.ours, seen.reference);
  });
});

check('a killed process leaves complete files, and temporary ones', async t => {
  await inTempDir(async base => {
    const expected = path.join(base, 'expected');
    const begin = performance.now();
    await once(fork(program, ['ours', path.join(base, 'store'), expected], { silent: true }), 'close');
    const most = performance.now() - begin;
    const whole = new Map(readArchive(expected));
    t.is(whole.size, 10);
    let killed = 0;
    for (let round = 0; round < 12; round += 1) {
      const dir = path.join(base, `archive-${round}`);
      const child = fork(program, ['ours', path.join(base, `store-${round}`), dir], { silent: true });
      const closed = once(child, 'close');
      await Promise.race([once(child, 'message'), closed]);
      await Promise.race([setTimeout(Math.random() * Math.min(most, 150)), closed]);
      child.kill('SIGKILL');
      killed += (await closed)[1] === 'SIGKILL' ? 1 : 0;
      const names = fs.readdirSync(dir);
      for (const name of names.filter(found => found.endsWith('.gz'))) {
        t.is(gunzipSync(fs.readFileSync(path.join(dir, name))).toString('base64'), whole.get(name), name);
      }
      for (const name of names.filter(found => !found.endsWith('.gz')))
        t.regex(name, /^\.swing-store-archive-[0-9a-f]{16}\.gz\.tmp$/);
    }
    t.log({ killed });
    t.true(killed > 0);
  });
});
