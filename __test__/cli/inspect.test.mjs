// The command line: inspect, transcript and replay-plan.
import test from 'ava';

import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';

import * as api from '../../index.mjs';
import { bundles } from '../support/common/bundles.mjs';
import { runCli, runJson, startCli } from '../support/common/cli.mjs';
import { makeHistoryStore } from '../support/common/history-store.mjs';

const makeStore = async (t, { options, sql } = {}) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-cli-history-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  await makeHistoryStore(api, dir, options, sql);
  return { dir, at: ['--state-dir', dir] };
};

const withHistory = async (dir, ask) => {
  const history = api.openSwingStoreHistory(dir);
  try {
    return await ask(history);
  } finally {
    await history.close();
  }
};

/** The first cells of each row of a table with this title. */
const columnOf = (stdout, title) => {
  const lines = stdout.split('\n');
  const from = lines.findIndex(line => line.startsWith(`${title} `));
  const rows = lines.slice(from + 1);
  return rows.slice(0, rows.indexOf('')).map(row => row.trim().split(/\s+/)[0]);
};

test('inspect prints the same as a history', async t => {
  const { dir, at } = await makeStore(t);
  const { code, ...document } = await runJson(['inspect', ...at]);
  t.is(code, 0);
  await withHistory(dir, async history => {
    const [vats, found] = [await history.listVats(), await history.listBundles()];
    t.deepEqual(document, { command: 'inspect', stateDir: dir, blockHeight: 7, vats, bundles: found });
    for (const sizes of [false, true]) {
      const { code: ok, ...one } = await runJson(['inspect', ...at, '--vat', 'v6', ...(sizes ? ['--sizes'] : [])]);
      t.is(ok, 0);
      t.deepEqual(one, {
        command: 'inspect',
        stateDir: dir,
        vat: await history.getVat('v6', { sizes }),
        incarnations: await history.listIncarnations('v6', { sizes }),
        spans: await history.listSpans('v6', { sizes }),
        snapshots: await history.listSnapshots('v6'),
        pseudoDeliveries: await history.listPseudoDeliveries('v6'),
      });
    }
  });
});

test("inspect's text output", async t => {
  const sql = `DELETE FROM transcriptItems WHERE vatID = 'v6' AND position < 5;
    UPDATE kvStore SET value = '{"name":"\\u001b[31mred"}' WHERE key = 'v6.options'`;
  const { at } = await makeStore(t, { sql });
  const all = await runCli(['inspect', ...at]);
  t.is(all.code, 0);
  t.is(all.stderr, '');
  t.deepEqual(columnOf(all.stdout, 'VAT'), ['v1', 'v3', 'v6', 'v9', 'v10']);
  t.regex(all.stdout, /at block 7: 47 items in 15 spans, 8 of 8 snapshots with their image/);
  t.regex(all.stdout, /v9 +name of v9 +terminated/);
  t.regex(all.stdout, /b1-[0-9a-f]{12}… +yes +[\d.]+ (KiB|B) +contract\n/);
  const one = await runCli(['inspect', ...at, '--vat', 'v6']);
  t.is(one.code, 0);
  t.regex(one.stdout, /^v6 \(.*red\): live, 25 of 30 items stored\n/);
  t.deepEqual(columnOf(one.stdout, 'INCARNATION'), ['0', '1', '2']);
  t.regex(one.stdout, /transcript.v6.0.4 +0 +0 +pruned/);
  t.regex(one.stdout, /transcript.v6.4.9 +0 +4 +in part +shutdown-worker/);
  t.regex(one.stdout, /transcript.v6.26.30 +2 +4 +yes +load-snapshot +\(current\)/);
  t.regex(one.stdout, /snapshot.v6.25 +yes +yes/);
  // Text from a store must not control a terminal.
  for (const { stdout } of [all, one]) t.false(stdout.includes('\u001b'));
  const none = await runCli(['inspect', ...at, '--vat', 'v3', '--sizes']);
  t.is(none.code, 0);
  t.regex(none.stdout, /v3 \(comms\): live, 0 of 0 items stored/);
});

test('transcript prints items', async t => {
  const { dir, at } = await makeStore(t);
  const lines = async (...args) => {
    const { code, stdout } = await runCli(['transcript', ...at, '--vat', 'v6', ...args]);
    t.is(code, 0);
    return stdout
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line));
  };
  await withHistory(dir, async history => {
    const all = [];
    for await (const { item, ...place } of history.readItems('v6')) all.push({ ...place, item: JSON.parse(item) });
    t.deepEqual(await lines(), all);
    t.deepEqual(await lines('--json'), all);
    t.deepEqual(await lines('--incarnation', '1'), all.slice(9, 19));
    t.deepEqual(await lines('--start', '3', '--end', '12'), all.slice(3, 12));
    t.deepEqual(await lines('--start', '28'), all.slice(28));
    t.deepEqual(await lines('--span', '13'), all.slice(13, 19));
  });
  // As in an export.
  const exporter = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
  const artifact = await buffer(exporter.getArtifact('transcript.v6.13.19'));
  await exporter.close();
  t.is((await runCli(['transcript', ...at, '--vat', 'v6', '--span', '13', '--raw'])).stdout, artifact.toString());
});

test('transcript of a vat without items', async t => {
  const { at } = await makeStore(t, { sql: "DELETE FROM transcriptItems WHERE vatID = 'v6' AND position = 14" });
  const refused = async (args, code, message) => {
    const found = await runCli(['transcript', ...at, ...args]);
    t.is(found.code, code);
    t.is(found.stdout, '');
    t.regex(found.stderr, message);
  };
  await refused(['--vat', 'v6'], 3, /restore them from the artifact transcript.v6.13.19/);
  await refused(['--vat', 'v66'], 3, /no transcript of a vat "v66"/);
  await refused(['--vat', 'v6', '--incarnation', '3'], 3, /no incarnation 3: the store has 0 to 2/);
  await refused(['--vat', 'v6', '--span', '14'], 3, /in the span from 13 to 19/);
  await refused(['--vat', 'v6', '--start', '40'], 3, /has positions 0 to 30 \(exclusive\)/);
  await refused(['--vat', 'v6', '--span', '1', '--incarnation', '1'], 2, /cannot be used with/);
  await refused([], 2, /--vat/);
  const there = await runCli(['transcript', ...at, '--vat', 'v6', '--skip-missing']);
  t.is(there.code, 0);
  t.is(there.stdout.split('\n').length, 30);
});

test('transcript into a closed pipe', async t => {
  const { dir, at } = await makeStore(t);
  const { kernelStorage, hostStorage } = api.openSwingStore(dir);
  for (let i = 0; i < 200; i += 1) kernelStorage.transcriptStore.addItem('v1', 'x'.repeat(20_000));
  await hostStorage.commit();
  await hostStorage.close();
  const child = startCli(['transcript', ...at, '--vat', 'v1', '--progress', 'none']);
  let said = '';
  child.stderr.on('data', data => (said += data));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  t.deepEqual(await once(child, 'close'), [0, null]);
  t.is(said, '');
});

test('replay-plan', async t => {
  const { dir, at } = await makeStore(t, { options: { keepSnapshots: false } });
  const plan = (...args) => runJson(['replay-plan', ...at, '--vat', 'v6', ...args]);
  await withHistory(dir, async history => {
    const about = { command: 'replay-plan', stateDir: dir };
    t.deepEqual(await plan(), { code: 0, ...about, ...(await history.replayPlan('v6')) });
    t.deepEqual(await plan('--from-snapshot'), {
      code: 0,
      ...about,
      ...(await history.replayPlan('v6', { from: 'snapshot' })),
    });
    t.deepEqual(await plan('--from-snapshot', '--incarnation', '1'), {
      code: 1,
      ...about,
      ...(await history.replayPlan('v6', { from: 'snapshot', incarnation: 1 })),
    });
  });
  t.like(await plan('--incarnation', '7'), { code: 3, error: { code: 'ERR_SWING_STORE_NOT_FOUND' } });

  const complete = await runCli(['replay-plan', ...at, '--vat', 'v6', '--incarnation', '1']);
  t.is(complete.code, 0);
  t.regex(complete.stdout, /^To replay incarnation 1 of v6, positions 9 up to, not including, 19:\n/);
  t.regex(complete.stdout, new RegExp(`vat +yes +bundle.${bundles.b1a.id}\n`));
  t.regex(complete.stdout, /yes +4 +transcript.v6.9.13 +[0-9a-f]{64}\nyes +6 +transcript.v6.13.19\n/);
  t.regex(complete.stdout, /All of it is in the store.\n$/);
  const lacking = await runCli(['replay-plan', ...at, '--vat', 'v6', '--incarnation', '1', '--from-snapshot']);
  t.is(lacking.code, 1);
  t.regex(lacking.stdout, /MISSING +[\d.]+ (KiB|B) +snapshot.v6.12\n/);
  t.regex(lacking.stdout, /1 artifact is missing[^]*\n {2}snapshot.v6.12\n$/);
});
