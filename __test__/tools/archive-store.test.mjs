// Archiving an existing store, compared with the files of the reference's archivers.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import tmp from 'tmp';
import { runCli, runJson } from '../support/common/cli.mjs';
import { assertSame } from '../support/common/compare.mjs';
import { makeStore } from '../support/common/cosmic-directory.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

const { archiveSwingStore } = subject.api;
const check = subjectIsReference ? test.skip : test;

const readArchive = dir =>
  Object.fromEntries(
    fs
      .readdirSync(dir)
      .sort()
      .map(name => [name, gunzipSync(fs.readFileSync(path.join(dir, name))).toString('base64')]),
  );

/** Makes a store of the reference, and the files that the reference's archivers write. */
const makeArchived = async at => {
  const powers = { fs, path, tmp };
  await makeStore(reference.api, at('store'), {
    archiveSnapshot: reference.api.makeArchiveSnapshot(at('theirs'), powers),
    archiveTranscript: reference.api.makeArchiveTranscript(at('theirs'), powers),
  });
};

check('the same files as archivers write', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeArchived(at);
    const reports = [];
    const archived = await archiveSwingStore(at('store'), at('ours'), { onProgress: report => reports.push(report) });
    const files = readArchive(at('ours'));
    assertSame(files, readArchive(at('theirs')), 'archive');
    const written = Object.keys(files).length;
    t.like(archived, { written, existing: 0, replaced: 0, unnamable: 0 });
    t.like(reports.at(-1), { stage: 'done', done: written, total: written });
    t.true(Object.isFrozen(archived));
    // Existing files are kept, unless their contents are wrong.
    const [first, second] = Object.keys(files);
    fs.rmSync(path.join(at('ours'), first));
    fs.writeFileSync(path.join(at('ours'), second), 'damaged');
    t.like(await archiveSwingStore(at('store'), at('ours')), { written: 1, existing: written - 1 });
    t.is(fs.readFileSync(path.join(at('ours'), second), 'utf8'), 'damaged');
    const options = { checkExisting: true };
    t.like(await archiveSwingStore(at('store'), at('ours'), options), {
      written: 1,
      replaced: 1,
      existing: written - 1,
    });
    assertSame(readArchive(at('ours')), files, 'repaired');
  });
});

check('modes, current spans, and a kernel at work', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeArchived(at);
    const { hostStorage, kernelStorage } = subject.api.openSwingStore(at('store'));
    const names = async (dir, options) => {
      await archiveSwingStore(at('store'), at(dir), options);
      return fs.readdirSync(at(dir));
    };
    kernelStorage.transcriptStore.addItem('v1', 'not committed');
    t.deepEqual(await names('operational', { artifactMode: 'operational' }), [
      'snapshot.v1.20.gz',
      'snapshot.v2.20.gz',
    ]);
    const current = await names('current', { artifactMode: 'operational', currentSpans: true });
    t.deepEqual(current.slice(2), ['transcript.v1.20.21.gz', 'transcript.v2.20.21.gz']);
    const replay = await names('replay', { artifactMode: 'replay', currentSpans: true });
    const archival = await names('archival', { artifactMode: 'archival' });
    t.deepEqual(replay, current);
    t.true(archival.includes('transcript.v1.0.5.gz'));
    t.false(archival.includes('transcript.v10.0.5.gz'));
    await hostStorage.commit();
    await hostStorage.close();
    t.true((await names('current', { currentSpans: true })).includes('transcript.v1.20.22.gz'));
  });
});

check('errors', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeArchived(at);
    for (const [args, message] of [
      [[7, at('x')], 'dirPath must be a string'],
      [[at('store')], 'archiveDir must be a string'],
      [[at('store'), ''], 'archiveDir must be a string'],
      [[at('store'), at('x'), { artifactMode: 'none' }], /artifactMode|"none"/],
      [[at('store'), at('x'), { currentSpans: 1 }], 'currentSpans must be a boolean'],
      [[at('store'), at('x'), { checkExisting: 1 }], 'checkExisting must be a boolean'],
      [[at('store'), at('x'), { signal: 1 }], 'signal must be an AbortSignal'],
    ]) {
      await t.throwsAsync(() => archiveSwingStore(...args), { message });
    }
    await t.throwsAsync(archiveSwingStore(at('store'), at('x'), { signal: AbortSignal.abort() }), {
      name: 'AbortError',
      any: true,
    });
    await t.throwsAsync(archiveSwingStore(at('nowhere'), at('x')));
    t.false(fs.existsSync(at('x')));
    fs.writeFileSync(at('file'), '');
    await t.throwsAsync(archiveSwingStore(at('store'), at('file')), { code: 'EEXIST' });
  });
});

check('the command line', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeArchived(at);
    const command = ['archive', '--state-dir', at('store'), '--archive-dir', at('ours')];
    const { code, stdout, stderr } = await runCli([...command, '--verbose']);
    t.is(code, 0);
    const files = readArchive(at('ours'));
    assertSame(files, readArchive(at('theirs')), 'archive');
    for (const name of Object.keys(files)) t.true(stderr.includes(`writing ${name}\n`));
    t.regex(stdout, new RegExp(`^Wrote ${Object.keys(files).length} files to `));
    t.like(await runJson([...command, '--check', '--artifact-mode', 'archival']), { code: 0, written: 0, replaced: 0 });
    t.is((await runCli(['archive', '--state-dir', at('store')])).code, 2);
  });
});
