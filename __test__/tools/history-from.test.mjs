// Complete exports of a store whose history was pruned, with the rest from another place.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';

import { runCli, runJson } from '../support/common/cli.mjs';
import { subject } from '../support/common/implementations.mjs';
import { readPlain } from '../support/common/plain-exporter.mjs';
import { filesIn, withPruned } from '../support/tools/pruned-store.mjs';

const { Database, diffSwingStores, exportSwingStoreToDirectory, importSwingStore, makeSwingStoreExporter } =
  subject.api;

const exportTo = (store, to, options) =>
  exportSwingStoreToDirectory(store, to, { artifactMode: 'archival', ...options });

test.serial('an export is the same as of a store with all history', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    await exportTo(store, at('all'));
    for (const artifactMode of ['replay', 'archival']) {
      for (const compress of [false, true]) {
        const options = { artifactMode, compress };
        const complete = at(`${artifactMode}-${compress}`);
        const report = await exportTo(store, complete, options);
        await t.throwsAsync(exportTo(pruned, at('none'), options), { code: 'ERR_SWING_STORE_INCOMPLETE' });
        for (const historyFrom of [
          server.url,
          `${server.webUrl}/`,
          at('archive'),
          `${pathToFileURL(at('archive'))}`,
          at('all'),
        ]) {
          const reports = [];
          server.requests.length = 0;
          const onProgress = made => reports.push(made);
          const { fetched, ...others } = await exportTo(pruned, at('to'), { ...options, historyFrom, onProgress });
          t.deepEqual(others, report, historyFrom);
          t.deepEqual(filesIn(at('to')), filesIn(complete), historyFrom);
          t.like(reports.at(-1), { stage: 'done', done: report.artifacts + 1, total: report.artifacts + 1 });
          t.true(fetched > 3);
          if (historyFrom === server.url) {
            // Each artifact is fetched by its name, once, and nothing else is.
            const asked = server.requests.map(({ method, path: of, query }) => `${method} ${of}${query}`);
            t.is(new Set(asked).size, fetched);
            for (const one of asked) t.regex(one, /^GET bucket\/archive\/transcript\.v[123]\.\d+\.\d+\.gz$/);
          }
          fs.rmSync(at('to'), { recursive: true });
        }
      }
    }
  });
});

test.serial('an exporter has the same artifacts as of a store with all history', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    for (const artifactMode of ['replay', 'archival']) {
      const complete = await readPlain(makeSwingStoreExporter(store, { artifactMode }));
      for (const historyFrom of [server.url, server.webUrl, at('archive')]) {
        server.requests.length = 0;
        const options = { artifactMode, historyFrom, checkComplete: true };
        t.deepEqual(await readPlain(makeSwingStoreExporter(pruned, options)), complete);
        // Nothing is fetched twice.
        t.is(new Set(server.requests.map(({ path: of }) => of)).size, server.requests.length);
      }
    }
    const exporter = makeSwingStoreExporter(pruned, { artifactMode: 'archival', historyFrom: server.url });
    const { hostStorage } = await importSwingStore(exporter, at('imported'), { artifactMode: 'archival' });
    hostStorage.kvStore.set('host.height', '42');
    await hostStorage.commit();
    await hostStorage.close();
    const { same, differences } = await diffSwingStores(store, at('imported'), {
      artifactMode: 'archival',
      contents: true,
    });
    t.true(same, JSON.stringify(differences));
  });
});

/** Collects an artifact. */
const read = async iterator => {
  const chunks = [];
  for await (const chunk of iterator) chunks.push(chunk);
  return Buffer.concat(chunks);
};

test.serial('an exporter fetches what follows while an artifact is being read', async t => {
  await withPruned(async ({ server, pruned }) => {
    server.setFault(() => 'slow');
    const exporter = makeSwingStoreExporter(pruned, { artifactMode: 'archival', historyFrom: server.url });
    const names = [];
    for await (const name of exporter.getArtifactNames()) names.push(name);
    // Listing fetches nothing.
    t.is(server.requests.length, 0);
    const spans = names.filter(name => name.startsWith('transcript.'));
    const first = read(exporter.getArtifact(spans[0]));
    const begin = Date.now();
    while (server.requests.length < 5 && Date.now() < begin + 5000) await new Promise(setImmediate);
    t.true(server.requests.length >= 5);
    await first;
    // Any order works, and one that was pruned of another mode.
    const snapshot = await read(exporter.getArtifact('snapshot.v1.5'));
    t.is(snapshot.length, 20_000);
    const last = spans.at(-2);
    t.deepEqual(await read(exporter.getArtifact(last)), await read(exporter.getArtifact(last)));
    server.setFault(() => 'hang');
    const waiting = read(exporter.getArtifact('snapshot.v2.5'));
    const failed = t.throwsAsync(waiting, { message: 'The database connection is not open' });
    await new Promise(resolve => setTimeout(resolve, 100));
    await exporter.close();
    await failed;
    t.throws(() => exporter.getArtifact('snapshot.v1.5'), { message: 'The database connection is not open' });
  });
});

test.serial('snapshots in use and bundles may be missing, too', async t => {
  await withPruned(async ({ at, store, pruned }) => {
    await exportTo(store, at('all'));
    const db = new Database(`${pruned}/swingstore.sqlite`);
    t.is(db.prepare('UPDATE snapshots SET compressedSnapshot = NULL WHERE inUse = 1').run().changes, 3);
    t.is(db.prepare('UPDATE bundles SET bundle = NULL').run().changes, 3);
    db.close();
    for (const compress of [false, true]) {
      await exportTo(store, at('complete'), { compress });
      await exportTo(pruned, at('to'), { compress, historyFrom: at('all') });
      t.deepEqual(filesIn(at('to')), filesIn(at('complete')));
      for (const name of ['to', 'complete']) fs.rmSync(at(name), { recursive: true });
    }
    const readAll = (dir, historyFrom) =>
      readPlain(makeSwingStoreExporter(dir, { artifactMode: 'archival', historyFrom }));
    t.deepEqual(await readAll(pruned, at('all')), await readAll(store));
    // An archive has no bundles.
    const error = await t.throwsAsync(exportTo(pruned, at('to'), { historyFrom: at('archive') }), {
      code: 'ERR_SWING_STORE_NOT_FOUND',
    });
    t.regex(error.message, /^artifact "bundle\.b[01]-[0-9a-f]+" is pruned from the store, and it is not in /);
  });
});

test.serial('what a previous export has is not fetched', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    await exportTo(store, at('previous'));
    fs.writeFileSync(at('previous', 'transcript.v1.0.6'), 'damaged');
    const options = { historyFrom: server.url, reuse: at('previous'), verifyReused: true };
    const { artifacts, fetched, reused } = await exportTo(pruned, at('to'), options);
    t.is(fetched, 1);
    t.like(reused, { artifacts: artifacts - 1, damaged: 1 });
    t.deepEqual(
      server.requests.map(({ path: of }) => of),
      ['bucket/archive/transcript.v1.0.6.gz'],
    );
    fs.rmSync(at('previous'), { recursive: true });
    await exportTo(store, at('complete'));
    t.deepEqual(filesIn(at('to')), filesIn(at('complete')));
  });
});

test.serial('the same from a shell', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    const on = ['export', '--state-dir', pruned, '--export-data-mode', 'all', '--history-from', server.url];
    const { env } = server;
    const document = await runJson([...on, '--export-dir', at('to'), '--artifact-mode', 'replay'], { env });
    t.like(document, { code: 0, historyFrom: server.url, artifactMode: 'replay' });
    t.true(document.fetched > 3);
    await exportTo(store, at('complete'), { artifactMode: 'replay' });
    t.deepEqual(filesIn(at('to')), filesIn(at('complete')));
    const { code, stdout } = await runCli([...on, '--export-dir', at('other'), '--artifact-mode', 'archival'], { env });
    t.is(code, 0);
    t.regex(stdout, /^Exported block 42 in mode archival.*\nTook \d+ artifacts from s3:\/\/bucket\/archive\n$/);
    for (const mode of ['none', 'operational', 'debug']) {
      const refused = await runCli([...on, '--export-dir', at('none'), '--artifact-mode', mode], { env });
      t.is(refused.code, 2);
      t.regex(refused.stderr, /artifact mode replay or archival/);
    }
  });
});

test.serial('modes without history, places that are none, and gaps between records', async t => {
  await withPruned(async ({ at, server, pruned }) => {
    const code = 'ERR_SWING_STORE_ARGUMENT';
    const historyFrom = server.url;
    for (const artifactMode of [undefined, 'operational', 'debug', 'none']) {
      const message = /is for artifact mode replay or archival: mode \w+ requires/;
      await t.throwsAsync(exportSwingStoreToDirectory(pruned, at('to'), { artifactMode, historyFrom }), {
        message,
        code,
      });
      if (artifactMode === 'none') continue;
      t.throws(() => makeSwingStoreExporter(pruned, { artifactMode, historyFrom }), { message, code });
    }
    for (const [place, message] of [
      ['ftp://host/archive', /ftp:\/\/ is not supported/],
      ['s3://user:secret@bucket', /must not contain a user name/],
      [7, /historyFrom must be a string/],
      ['', /historyFrom must be a string/],
    ]) {
      const options = { artifactMode: 'archival', historyFrom: place };
      await t.throwsAsync(exportTo(pruned, at('to'), options), { message });
      const error = t.throws(() => makeSwingStoreExporter(pruned, options), { message });
      t.false(error.message.includes('secret'));
    }
    await t.throwsAsync(exportTo(pruned, at('to'), { historyFrom: at('nowhere') }), { code: 'ENOENT' });
    await t.throwsAsync(exportTo(pruned, at('to'), { historyFrom: pruned }), {
      message: /is a store, which has no files/,
    });
    t.false(fs.existsSync(at('to')));
    const db = new Database(`${pruned}/swingstore.sqlite`);
    db.exec("DELETE FROM transcriptSpans WHERE vatID = 'v1' AND startPos = 6");
    db.close();
    await t.throwsAsync(exportTo(pruned, at('to'), { historyFrom }), {
      message: /incomplete archival transcript: .* needs the record of a span, with its hash, that the store lacks/,
      code: 'ERR_SWING_STORE_INCOMPLETE',
    });
    const exporter = makeSwingStoreExporter(pruned, { artifactMode: 'archival', historyFrom });
    t.throws(() => exporter.getArtifactNames(), { message: /^incomplete archival transcript/ });
    await exporter.close();
    t.is(server.requests.length, 0);
  });
});
