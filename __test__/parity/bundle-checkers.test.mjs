// Archives with policies, attenuators and every language: our result for each is that of `@endo/check-bundle`, which runs
// the attenuators. `npm run torture:bundles` tries thousands of spoiled ones.
import '@endo/init/debug.js';

import test from 'ava';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { checkByOurs, checkByToday, compareCheckers, startEarlierChecker } from '../support/parity/bundle-checkers.mjs';
import { makeCorpus } from '../support/parity/bundle-corpus.mjs';
import { subject } from '../support/common/implementations.mjs';
import {
  attenuators,
  computingAttenuator,
  failingAttenuators,
  impossibleAttenuators,
  makePolicyBundle,
  packPolicyBundle,
} from '../support/parity/bundle-policies.mjs';
import { seed } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

test('bundles of every language, and archives with policies', async t => {
  const earlier = await startEarlierChecker();
  const directory = mkdtempSync(path.join(tmpdir(), 'swing-store-corpus-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  t.teardown(earlier.stop);
  const corpus = await makeCorpus(directory);
  t.true(corpus.some(([, [, bytes]]) => bytes.includes('<ATTENUATORS>')));
  for (const [name, bundle] of corpus) {
    for (const check of [checkByToday, checkByOurs, earlier.check]) t.is(await check(bundle), null, name);
  }
});

const pack = attenuator => packPolicyBundle(makePolicyBundle({ attenuator }));

test('attenuators that work', async t => {
  for (const [name, attenuator] of Object.entries(attenuators)) {
    const bundle = pack(attenuator);
    t.is(await checkByToday(bundle), null, name);
    t.is(await checkByOurs(bundle), null, name);
  }
});

test('a kernel with such a bundle can export, import and verify', async t => {
  const { initSwingStore, exportSwingStoreToDirectory, importSwingStoreFromDirectory, verifySwingStore } = subject.api;
  const [id, bytes] = pack(attenuators.importing);
  await inTempDir(async directory => {
    const [store, exported, imported] = ['store', 'export', 'imported'].map(name => path.join(directory, name));
    const { kernelStorage, hostStorage } = initSwingStore(store);
    kernelStorage.bundleStore.addBundle(id, {
      moduleFormat: 'endoZipBase64',
      endoZipBase64: bytes.toString('base64'),
      endoZipBase64Sha512: id.slice(3),
    });
    await hostStorage.commit();
    await hostStorage.close();
    await exportSwingStoreToDirectory(store, exported);
    const { hostStorage: again } = await importSwingStoreFromDirectory(exported, imported);
    await again.commit();
    await again.close();
    for (const dir of [store, imported]) t.deepEqual((await verifySwingStore(dir)).findings, []);
  });
});

test('attenuators that always fail', async t => {
  for (const [name, attenuator] of Object.entries(impossibleAttenuators)) {
    const bundle = pack(attenuator);
    const refusal = await checkByToday(bundle);
    t.regex(refusal, /^Globals attenuation errors: /, name);
    t.is(await checkByOurs(bundle), refusal, name);
  }
});

test('attenuators that fail when they run are not run by ours', async t => {
  for (const [name, attenuator] of Object.entries(failingAttenuators)) {
    const bundle = pack(attenuator);
    t.regex(await checkByToday(bundle), /^Globals attenuation errors: /, name);
    t.is(await checkByOurs(bundle), null, name);
  }
});

test('modules that are missing from a record', async t => {
  const bundle = pack(computingAttenuator);
  t.is(await checkByToday(bundle), null);
  t.is(await checkByOurs(bundle), null);
  // A file that no module of the record imports is refused.
  const { map, files } = makePolicyBundle({ attenuator: attenuators.esm });
  files['att-v1/helper.js'] = '{}';
  const extraneous = packPolicyBundle({ map, files });
  const refusal = await checkByToday(extraneous);
  t.regex(refusal, /extraneous files/);
  t.is(await checkByOurs(extraneous), refusal);
});

test('changed attenuators', async t => {
  const { map, files } = makePolicyBundle({ attenuator: attenuators.importing });
  for (const place of ['att-v1/index.js', 'att-v1/helper.js', 'att-v1/data.json']) {
    const bundle = packPolicyBundle({ map, files: { ...files, [place]: `${files[place]} ` } });
    const refusal = await checkByToday(bundle);
    t.regex(refusal, /failed a SHA-512 integrity check/);
    t.is(await checkByOurs(bundle), refusal, place);
  }
});

test('globals of every name', async t => {
  const names = [...Reflect.ownKeys(globalThis), ...Reflect.ownKeys(Object.prototype), 'root', '*', ''];
  // After `@endo/init/debug.js`, unlike after other lockdowns, this property can't be assigned.
  const isOdd = key => typeof key !== 'string' || key === 'valueOf';
  for (const name of new Set(names.filter(key => !isOdd(key)))) {
    const globals = Object.fromEntries([[name, true]]);
    const bundle = packPolicyBundle(makePolicyBundle({ attenuator: attenuators.esm, globals }));
    t.is(await checkByOurs(bundle), await checkByToday(bundle), name);
  }
});

test('spoiled archives', async t => {
  const earlier = await startEarlierChecker();
  t.teardown(earlier.stop);
  const figures = await compareCheckers({ rounds: 200, seed, earlier });
  t.log(figures);
  t.true(figures.accepted > 10 && figures.refused > 10);
});

process.on('unhandledRejection', () => {});
