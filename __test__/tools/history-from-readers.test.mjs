// Reading and verifying pruned history in another place.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import { gzipSync } from 'node:zlib';

import { runCli, runJson } from '../support/common/cli.mjs';
import { subject } from '../support/common/implementations.mjs';
import { withPruned } from '../support/tools/pruned-store.mjs';
import { archived, noSecret } from '../support/tools/remote-store.mjs';

const { openSwingStoreHistory, verifySwingStore } = subject.api;

/** A historical span. */
const SPAN = 'transcript.v1.6.12';

const collect = async items => {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
};

/** Runs `use` with the histories of a store, and of a pruned one with a place. */
const withHistories = async (store, pruned, historyFrom, use) => {
  const histories = [openSwingStoreHistory(store), openSwingStoreHistory(pruned, { historyFrom })];
  try {
    return await use(...histories);
  } finally {
    await Promise.all(histories.map(history => history.close()));
  }
};

test.serial('items are the same as of a store with all history', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    for (const place of [server.url, server.webUrl, at('archive')]) {
      await withHistories(store, pruned, place, async (all, rest) => {
        for (const vatID of ['v1', 'v2', 'v4']) {
          t.deepEqual(await collect(rest.readItems(vatID)), await collect(all.readItems(vatID)));
          t.deepEqual(await collect(rest.readIncarnation(vatID, 0)), await collect(all.readIncarnation(vatID, 0)));
        }
        for (const range of [{ start: 4, end: 8 }, { start: 11, end: 12 }, { end: 1 }]) {
          t.deepEqual(await collect(rest.readItems('v1', range)), await collect(all.readItems('v1', range)));
        }
        t.deepEqual(await collect(rest.readSpan('v1', 6)), await collect(all.readSpan('v1', 6)));
        t.deepEqual(await rest.readItem('v1', 7), await all.readItem('v1', 7));
      });
    }
    server.requests.length = 0;
    await withHistories(store, pruned, server.url, async (_, rest) => {
      // Only what is needed is fetched.
      await collect(rest.readItems('v1', { start: 7, end: 9 }));
      const { endPos } = (await rest.listSpans('v1')).at(-1);
      await collect(rest.readItems('v1', { start: endPos - 1 }));
      t.deepEqual(
        server.requests.map(({ path: of }) => of),
        [`${archived}${SPAN}.gz`],
      );
    });
  });
});

test.serial('spans that are missing or wrong in the place, too', async t => {
  await withPruned(async ({ server, store, pruned }) => {
    await withHistories(store, pruned, server.url, async (all, rest) => {
      const expected = await collect(all.readItems('v1'));
      const own = server.objects.get(`${archived}${SPAN}.gz`);
      for (const [fault, code] of [
        ['missing', 'ERR_SWING_STORE_NOT_FOUND'],
        [{ lie: gzipSync('"other"\n'.repeat(6)) }, 'ERR_SWING_STORE_INVALID'],
        [{ lie: own.subarray(0, 60) }, 'ERR_SWING_STORE_INVALID'],
        ['deny', 'ERR_SWING_STORE_REMOTE'],
      ]) {
        server.setFault(({ path: of }) => (of.includes(SPAN) ? fault : undefined));
        const read = [];
        const reading = async options => {
          read.length = 0;
          for await (const item of rest.readItems('v1', options)) read.push(item);
        };
        const { message } = await t.throwsAsync(reading(), { code });
        t.true(message.includes(SPAN), message);
        noSecret(t, server, message);
        // The span before it was sound.
        t.deepEqual(read, expected.slice(0, 6));
        if (fault === 'missing') {
          await reading({ skipMissing: true });
          t.deepEqual(read, [...expected.slice(0, 6), ...expected.slice(12)]);
        } else await t.throwsAsync(reading({ skipMissing: true }), { code });
      }
    });
    server.setFault(() => 'hang');
    const history = openSwingStoreHistory(pruned, { historyFrom: server.url });
    const failed = t.throwsAsync(history.readItem('v1', 0), { message: /this history was closed/ });
    await new Promise(resolve => setTimeout(resolve, 100));
    await history.close();
    await failed;
  });
});

test.serial('replay plans', async t => {
  await withPruned(async ({ server, store, pruned }) => {
    await withHistories(store, pruned, server.url, async (all, rest) => {
      for (const options of [{ incarnation: 0 }, { incarnation: 1 }, { incarnation: 0, from: 'snapshot' }]) {
        const complete = await all.replayPlan('v1', options);
        const plan = await rest.replayPlan('v1', options);
        // The items of this store do not say how a worker is started, but a snapshot does.
        t.deepEqual([plan.complete, complete.complete], Array(2).fill(options.from === 'snapshot'));
        t.deepEqual(plan.missing, []);
        // The record of the snapshot says the same as the first item of the span.
        const { learnedFrom } = complete.start;
        const start = learnedFrom && { ...plan.start, learnedFrom };
        t.deepEqual([start ?? plan.start, plan.bundles], [complete.start, complete.bundles]);
        t.deepEqual(plan.problems, complete.problems);
        const lacking = [...plan.snapshots, ...plan.spans].filter(({ populated }) => populated !== 'all');
        t.deepEqual(
          plan.elsewhere.map(({ artifact }) => artifact),
          lacking.map(({ artifact }) => artifact),
        );
        t.is(complete.elsewhere, undefined);
      }
      server.setFault(({ path: of }) => (of.includes('transcript.v1.0.6') ? 'missing' : undefined));
      const plan = await rest.replayPlan('v1', { incarnation: 0 });
      t.false(plan.complete);
      t.deepEqual(plan.missing, [{ kind: 'transcript', artifact: 'transcript.v1.0.6' }]);
      t.like(plan.start, { kind: 'unknown' });
      server.setFault(({ path: of }) => (of.includes(SPAN) ? { lie: gzipSync('other\n') } : undefined));
      const wrong = rest.replayPlan('v1', { incarnation: 0 });
      await t.throwsAsync(wrong, { code: 'ERR_SWING_STORE_INVALID', message: new RegExp(SPAN) });
    });
  });
});

test.serial('a verification', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    for (const artifactMode of ['replay', 'archival']) {
      for (const historyFrom of [server.url, server.webUrl, at('archive')]) {
        const report = await verifySwingStore(pruned, { artifactMode, historyFrom });
        t.deepEqual(report.findings, []);
        t.true(report.elsewhere > 3);
      }
      t.is((await verifySwingStore(store, { artifactMode, historyFrom: server.url })).elsewhere, 0);
      t.is((await verifySwingStore(store, { artifactMode })).elsewhere, undefined);
    }
    const options = { artifactMode: 'archival', historyFrom: server.url };
    const { elsewhere } = await verifySwingStore(pruned, options);
    for (const [fault, kind, message] of [
      [
        'missing',
        'span-pruned',
        /none of its 6 items, .*and s3:\/\/bucket\/archive does not have them either\. To restore/,
      ],
      [{ lie: gzipSync('other\n') }, 'history-unusable', /is pruned from the store, and that in s3:.* cannot be used/],
      ['deny', 'history-unusable', /denies access/],
    ]) {
      server.setFault(({ path: of }) => (of.includes(SPAN) ? fault : undefined));
      const report = await verifySwingStore(pruned, options);
      t.is(report.elsewhere, elsewhere - 1);
      t.is(report.findings.length, 1);
      const [finding] = report.findings;
      t.like(finding, { kind, severity: 'error', table: 'transcriptSpans', id: 'v1', position: 6, artifact: SPAN });
      t.regex(finding.message, message);
      noSecret(t, server, finding.message);
    }
    server.setFault(() => 'hang');
    await t.throwsAsync(verifySwingStore(pruned, { ...options, signal: AbortSignal.timeout(300) }), {
      name: 'TimeoutError',
      any: true,
    });
    server.setFault();
    for (const artifactMode of ['operational', 'debug']) {
      await t.throwsAsync(verifySwingStore(pruned, { ...options, artifactMode }), {
        message: /is for artifact mode replay or archival/,
      });
    }
    await t.throwsAsync(verifySwingStore(pruned, { ...options, historyFrom: 's3://other/archive' }), {
      code: 'ERR_SWING_STORE_REMOTE',
    });
  });
});

test.serial('the same from a shell', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    const { env } = server;
    const from = ['--history-from', server.url];
    const on = dir => ['--state-dir', dir, '--vat', 'v1'];
    const all = await runCli(['transcript', ...on(store)]);
    t.deepEqual(await runCli(['transcript', ...on(pruned), ...from], { env }), all);
    const plan = ['replay-plan', ...on(pruned), '--incarnation', '0', '--from-snapshot', ...from];
    t.like(await runJson(plan, { env }), { code: 0, complete: true, historyFrom: server.url, missing: [] });
    const printed = await runCli(plan, { env });
    t.regex(
      printed.stdout,
      /\d+ artifacts are only in s3:\/\/bucket\/archive:\n {2}snapshot\.v1\.11\n {2}transcript\.v1\.12\.14\n/,
    );
    const verify = ['verify', '--state-dir', pruned, ...from];
    t.like(await runJson([...verify, '--artifact-mode', 'archival'], { env }), {
      code: 0,
      ok: true,
      historyFrom: server.url,
    });
    const verified = await runCli([...verify, '--artifact-mode', 'replay'], { env });
    t.is(verified.code, 0, verified.stderr);
    t.regex(verified.stdout, / \d+ pruned artifacts: checked in s3:\/\/bucket\/archive\n/);
    const refused = await runCli(verify, { env });
    t.is(refused.code, 2);
    t.regex(refused.stderr, /artifact mode replay or archival/);
    fs.rmSync(at('archive', `${SPAN}.gz`));
    const lacking = await runCli(['transcript', ...on(pruned), '--history-from', at('archive')]);
    t.is(lacking.code, 3);
    t.is(lacking.stdout, all.stdout.split('\n').slice(0, 6).join('\n') + '\n');
    t.regex(lacking.stderr, /"transcript\.v1\.6\.12" is pruned from the store, and it is not in /);
  });
});
