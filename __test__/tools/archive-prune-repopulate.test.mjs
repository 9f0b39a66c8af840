// The whole cycle: history is archived, pruned, restored from the archive, and verified. For a running kernel's store and for
// an existing store; with the library and from a shell.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import path from 'node:path';
import tmp from 'tmp';

import { exportedByReference } from '../support/tools/artifacts.mjs';
import { runCli, runJson } from '../support/common/cli.mjs';
import { subject } from '../support/common/implementations.mjs';
import { makeAsKernel } from '../support/tools/kernel-like-store.mjs';
import { inTempDir } from '../support/common/world.mjs';

const {
  archiveSwingStore,
  diffSwingStores,
  makeArchiveSnapshot,
  makeArchiveTranscript,
  openSwingStoreHistory,
  pruneSwingStore,
  repopulateSwingStoreFromDirectory,
  verifySwingStore,
} = subject.api;

const inDir = use => inTempDir(base => use((...names) => path.join(base, ...names)));

/** The number of historical spans without items. */
const countPruned = async store => {
  const history = openSwingStoreHistory(store);
  const vats = await history.listVats();
  await history.close();
  return vats.reduce((sum, { spans, populatedSpans }) => sum + spans - populatedSpans, 0);
};

const kindsFound = async (store, artifactMode) => {
  const { ok, findings } = await verifySwingStore(store, { artifactMode });
  return { ok, kinds: [...new Set(findings.map(({ kind }) => kind))] };
};

const sound = { ok: true, kinds: [] };

test("a running store's archive restores what was pruned", async t => {
  await inDir(async at => {
    const powers = { fs, path, tmp };
    await makeAsKernel(subject.api, at('store'), {
      keepSnapshots: true,
      archiveTranscript: makeArchiveTranscript(at('archive'), powers),
      archiveSnapshot: makeArchiveSnapshot(at('archive'), powers),
    });
    fs.cpSync(at('store'), at('original'), { recursive: true });
    t.deepEqual(await kindsFound(at('store'), 'archival'), sound);

    const pruned = await pruneSwingStore(at('store'), { keep: 'operational' });
    t.true(pruned.done);
    t.true((await countPruned(at('store'))) > 0);
    t.deepEqual(await kindsFound(at('store'), 'operational'), sound);
    t.deepEqual(await kindsFound(at('store'), 'archival'), { ok: false, kinds: ['span-pruned'] });
    t.false((await diffSwingStores(at('original'), at('store'))).same);

    const filled = await repopulateSwingStoreFromDirectory(at('archive'), at('store'), { artifactMode: 'debug' });
    t.like(filled, { refused: [], missing: [] });
    t.is(await countPruned(at('store')), 0);
    t.deepEqual(await kindsFound(at('store'), 'archival'), sound);
    t.true((await diffSwingStores(at('original'), at('store'), { contents: true, localKeys: true })).same);
    for (const mode of ['operational', 'replay', 'archival', 'debug']) {
      t.deepEqual(await exportedByReference(at('store'), mode), await exportedByReference(at('original'), mode), mode);
    }
  });
});

test('a later archive of a store restores what was pruned', async t => {
  await inDir(async at => {
    await makeAsKernel(subject.api, at('store'), { keepSnapshots: true });
    fs.cpSync(at('store'), at('original'), { recursive: true });
    const { written } = await archiveSwingStore(at('store'), at('archive'));
    t.true(written > 0);
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const { filled } = await repopulateSwingStoreFromDirectory(at('archive'), at('store'), { artifactMode: 'debug' });
    t.true(filled.length > 0 && filled.length <= written);
    t.deepEqual(await kindsFound(at('store'), 'archival'), sound);
    t.true((await diffSwingStores(at('original'), at('store'), { contents: true })).same);
  });
});

test('the same from a shell', async t => {
  await inDir(async at => {
    await makeAsKernel(subject.api, at('store'), { keepSnapshots: true });
    fs.cpSync(at('store'), at('original'), { recursive: true });
    const on = ['--state-dir', at('store')];
    const verify = async () => (await runCli(['verify', ...on, '--artifact-mode', 'archival'])).code;

    t.is(await verify(), 0);
    t.is((await runCli(['archive', ...on, '--archive-dir', at('archive')])).code, 0);
    t.is((await runCli(['prune', ...on, '--keep', 'operational'])).code, 0);
    t.is(await verify(), 1);
    t.is((await runCli(['diff', at('original'), at('store')])).code, 1);
    const { code, refused, missing } = await runJson([
      'repopulate',
      ...on,
      '--from',
      at('archive'),
      '--artifact-mode',
      'debug',
    ]);
    t.is(code, 0);
    t.deepEqual([refused, missing], [[], []]);
    t.is(await verify(), 0);
    t.is((await runCli(['diff', at('original'), at('store'), '--contents'])).code, 0);
  });
});
