// Archives in an object store, and behind a web server.
import '@endo/init/debug.js';

import test from 'ava';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

import { outcomeOf } from '../support/common/run-program.mjs';
import { runCli, runJson, startCli } from '../support/common/cli.mjs';
import { subject } from '../support/common/implementations.mjs';
import { archived, isSound, namesIn, noSecret, prune, repopulate, withStore } from '../support/tools/remote-store.mjs';

const { archiveSwingStore, diffSwingStores, initSwingStore, openSwingStore } = subject.api;

test.serial('an archive in an object store restores what was pruned', async t => {
  await withStore(async ({ at, server, store }) => {
    fs.cpSync(store, at('original'), { recursive: true });
    const toDirectory = await archiveSwingStore(store, at('archive'));
    const reports = [];
    const report = await archiveSwingStore(store, `${server.url}/`, { onProgress: made => reports.push(made) });
    t.deepEqual(report, toDirectory);
    t.like(reports.at(-1), { stage: 'done', done: report.written, total: report.written });
    for (const name of fs.readdirSync(at('archive'))) {
      t.deepEqual(server.objects.get(`${archived}${name}`), fs.readFileSync(at('archive', name)), name);
    }
    t.is(server.objects.size, report.written);
    t.like(await archiveSwingStore(store, server.url), { written: 0, existing: report.written });

    await prune(store);
    t.false(await isSound(store));
    server.requests.length = 0;
    const { filled, refused, missing } = await repopulate(server.url, store);
    t.deepEqual([refused, missing], [[], []]);
    // Each artifact is fetched by its name, once, and nothing else is.
    t.deepEqual(
      server.requests.map(({ method, path: of, query }) => `${method} ${of}${query}`).sort(),
      filled.map(name => `GET ${archived}${name}.gz`),
    );
    t.true(await isSound(store));
    t.true((await diffSwingStores(at('original'), store, { contents: true, localKeys: true })).same);
    t.like(await repopulate(server.url, store), { filled: [], missing: [] });
  });
});

test.serial('the same from a shell', async t => {
  await withStore(async ({ server, store }) => {
    const on = ['--state-dir', store];
    const { code, to, written } = await runJson(['archive', ...on, '--to', server.url], { env: server.env });
    t.is(code, 0);
    t.is(to, server.url);
    t.is(server.objects.size, written);
    await prune(store);
    const filling = await runJson(['repopulate', ...on, '--from', server.url, '--artifact-mode', 'debug'], {
      env: server.env,
    });
    t.like(filling, { code: 0, from: server.url, refused: [], missing: [] });
    await prune(store);
    const fromWeb = await runCli(['repopulate', ...on, '--from', server.webUrl]);
    t.is(fromWeb.code, 0, fromWeb.stderr);
    t.true(await isSound(store));
  });
});

test.serial('uncompressed artifacts are found, and a web server is only read', async t => {
  await withStore(async ({ at, server, store }) => {
    await subject.api.exportSwingStoreToDirectory(store, at('export'), { artifactMode: 'debug' });
    for (const name of fs.readdirSync(at('export'))) {
      server.objects.set(`${archived}${name}`, fs.readFileSync(at('export', name)));
    }
    await prune(store);
    const { refused, missing } = await repopulate(server.webUrl, store);
    t.deepEqual([refused, missing], [[], []]);
    t.true(await isSound(store));
    const { requests } = server;
    requests.length = 0;
    await t.throwsAsync(archiveSwingStore(store, server.webUrl), {
      message: /can only be read/,
      code: 'ERR_SWING_STORE_ARGUMENT',
    });
    t.deepEqual(requests, []);
  });
});

test.serial('many nodes archive to one place at once, and no object is replaced', async t => {
  await withStore(async ({ at, server, store }) => {
    const stores = ['a', 'b', 'c'].map(name => at(name));
    for (const copy of stores) fs.cpSync(store, copy, { recursive: true });
    const reports = await Promise.all(stores.map(copy => archiveSwingStore(copy, server.url)));
    const total = server.objects.size;
    t.is(
      reports.reduce((sum, { written }) => sum + written, 0),
      total,
    );
    for (const { written, existing } of reports) t.is(written + existing, total);
  });
});

test.serial('damaged objects are replaced on request', async t => {
  await withStore(async ({ server, store }) => {
    const { written } = await archiveSwingStore(store, server.url);
    const sound = new Map(server.objects);
    const [first, second] = sound.keys();
    server.objects.set(first, gzipSync('other'));
    server.objects.set(second, sound.get(second).subarray(0, 30));
    const options = { checkExisting: true };
    t.like(await archiveSwingStore(store, server.url, options), { replaced: 2, existing: written - 2 });
    t.deepEqual(server.objects, sound);
    await prune(store);
    t.like(await repopulate(server.url, store, { replaceDamaged: true }), { refused: [], missing: [] });
    t.true(await isSound(store));
  });
});

test.serial('an artifact in several parts', async t => {
  await withStore(async ({ at, server }) => {
    const { kernelStorage, hostStorage } = initSwingStore(at('large'));
    const { snapStore, transcriptStore } = kernelStorage;
    transcriptStore.initTranscript('v1');
    transcriptStore.addItem('v1', '"item"');
    const image = randomBytes(19 << 20);
    await snapStore.saveSnapshot(
      'v1',
      0,
      (async function* chunks() {
        yield image;
      })(),
    );
    await hostStorage.commit();
    await hostStorage.close();
    t.like(await archiveSwingStore(at('large'), server.url), { written: 1 });
    t.is(server.requests.filter(({ query }) => query.includes('partNumber')).length, 3);
    t.like(await archiveSwingStore(at('large'), server.url, { checkExisting: true }), { existing: 1 });
    // What was uploaded of a failed upload is removed.
    server.objects.clear();
    server.setFault(({ query }) => (query.includes('partNumber=2') ? 'deny' : undefined));
    const error = await t.throwsAsync(archiveSwingStore(at('large'), server.url), { code: 'ERR_SWING_STORE_REMOTE' });
    noSecret(t, server, error.message);
    t.is(server.requests.at(-1).method, 'DELETE');
    t.is(server.objects.size, 0);
  });
});

test.serial('URLs that are no places', async t => {
  await withStore(async ({ at, store }) => {
    for (const [url, message] of [
      ['ftp://host/archive', /ftp:\/\/ is not supported/],
      ['s3://user:secret@bucket', /must not contain a user name/],
      ['https://host/archive?sig=secret', /without \? and #/],
      ['s3:///archive', /must name a bucket/],
    ]) {
      for (const work of [archiveSwingStore(store, url), repopulate(url, store)]) {
        const error = await t.throwsAsync(work, { message, code: 'ERR_SWING_STORE_ARGUMENT' });
        t.false(error.message.includes('secret'));
      }
    }
    const url = `${pathToFileURL(at('archive'))}`;
    const { written } = await archiveSwingStore(store, url);
    t.is(fs.readdirSync(at('archive')).length, written);
    await prune(store);
    t.like(await repopulate(url, store), { refused: [], missing: [] });
  });
});

test.serial('watching archives what a kernel adds, until it is aborted', async t => {
  await withStore(async ({ server, store }) => {
    const controller = new AbortController();
    const { signal } = controller;
    const { written } = await archiveSwingStore(store, server.url);
    const watching = archiveSwingStore(store, server.url, { watch: true, signal });
    const { kernelStorage, hostStorage } = openSwingStore(store, { keepSnapshots: true });
    const { transcriptStore } = kernelStorage;
    const { startPos, endPos } = transcriptStore.getCurrentSpanBounds('v1');
    await transcriptStore.rolloverSpan('v1');
    transcriptStore.addItem('v1', '"later"');
    await hostStorage.commit();
    const name = `transcript.v1.${startPos}.${endPos}`;
    for (let waited = 0; !namesIn(server).includes(name) && waited < 9000; waited += 50) await sleep(50);
    t.true(namesIn(server).includes(name));
    controller.abort();
    // The upload may have ended a moment ago, which the report then does not say.
    const report = await watching;
    t.true(report.written <= 1 && report.existing <= written);
    await hostStorage.close();
    t.like(await archiveSwingStore(store, server.url), { written: 0, existing: written + 1 });
    await t.throwsAsync(archiveSwingStore(store, server.url, { watch: true, currentSpans: true }), {
      message: /current spans cannot be watched/,
    });
  });
});

test.serial('a signal ends the command that watches, which is a success', async t => {
  await withStore(async ({ at, store }) => {
    const child = startCli(['archive', '--state-dir', store, '--to', at('archive'), '--watch']);
    const outcome = outcomeOf(child);
    while (!fs.existsSync(at('archive')) || fs.readdirSync(at('archive')).length < 9) await sleep(50);
    child.kill('SIGTERM');
    const { code, stdout } = await outcome;
    t.is(code, 0);
    t.regex(stdout, /^Wrote \d+ files/);
  });
});
