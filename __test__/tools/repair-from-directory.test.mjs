// Repairing a store's records from a directory, compared with the reference's hostStorage.repairMetadata with an exporter over
// the same directory.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import path from 'node:path';
import { runCli, runJson } from '../support/common/cli.mjs';
import { assertSame } from '../support/common/compare.mjs';
import { makeStore, manifestName, readAsCosmic, writeAsCosmic } from '../support/common/cosmic-directory.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { readTables } from '../support/common/observe.mjs';
import { attempt } from '../support/common/outcome.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

const { repairSwingStoreFromDirectory } = subject.api;
const check = subjectIsReference ? test.skip : test;

/** Changes a store by SQL. */
const change = async (dir, sql) => {
  const { hostStorage, debug } = reference.api.openSwingStore(dir);
  debug.getDatabase().exec(sql);
  await hostStorage.close();
};

const tablesOf = async dir => {
  const { hostStorage, debug } = reference.api.openSwingStore(dir);
  const tables = readTables(debug.getDatabase());
  await hostStorage.close();
  return tables;
};

/** Repairs a store as cosmic-swingset's program does. */
const repairAsCosmic = async (exportDir, dir) => {
  const { hostStorage } = reference.api.openSwingStore(dir);
  try {
    await hostStorage.repairMetadata(await readAsCosmic(exportDir));
    await hostStorage.commit();
  } finally {
    await hostStorage.close();
  }
};

/** Damages a store and its copy by SQL, and the export by `spoil`, repairs each with one implementation, and compares. */
const compare = (title, { sql = '', spoil = () => {} }, look) =>
  check(title, async t => {
    await inTempDir(async base => {
      const at = name => path.join(base, name);
      await makeStore(reference.api, at('ours'));
      fs.mkdirSync(at('export'));
      await writeAsCosmic(reference.api, at('ours'), at('export'), { artifactMode: 'debug', exportDataMode: 'all' });
      await change(at('ours'), sql);
      fs.cpSync(at('ours'), at('theirs'), { recursive: true });
      const data = path.join(at('export'), 'export-data.jsonl');
      fs.writeFileSync(data, spoil(fs.readFileSync(data, 'utf8').split('\n')).join('\n'));
      const before = await tablesOf(at('ours'));
      const ours = await attempt(() => repairSwingStoreFromDirectory(at('export'), at('ours')));
      const theirs = await attempt(() => repairAsCosmic(at('export'), at('theirs')));
      // Our message adds to the reference's what is missing, and what to do.
      const { message } = ours.rejects ?? {};
      const advice = message && theirs.rejects ? message.slice(theirs.rejects.message.length) : '';
      t.regex(advice, /^(|\. Missing from the store for mode [^]*)$/);
      const told = ours.rejects && { ...ours.rejects, message: message.slice(0, message.length - advice.length) };
      assertSame(told, theirs.rejects, title);
      const after = await tablesOf(at('ours'));
      assertSame(after, await tablesOf(at('theirs')), title);
      look(t, ours, before, after);
    });
  });

const same = lines => lines;
const missing = 'DELETE FROM transcriptSpans WHERE isCurrent IS NULL; DELETE FROM snapshots WHERE inUse IS NULL;';

compare('nothing is missing', { spoil: same }, (t, { resolves }, before, after) => {
  t.like(resolves, { blockHeight: 42, added: 0 });
  t.true(resolves.records > 20);
  assertSame(after, before, 'nothing is missing');
});
compare('history is missing', { sql: missing, spoil: same }, (t, { resolves }) => {
  t.true(resolves.added > 10);
  t.true(resolves.added < resolves.records);
});
compare(
  'the last of several records counts, and null takes one away',
  {
    sql: missing,
    spoil: lines => {
      const span = lines.find(line => line.startsWith('["transcript.v2.5"'));
      const other = span.replace(/hash\\":\\"[0-9a-f]{4}/, 'hash\\":\\"0000');
      return ['["transcript.v1.0",null]', other, ...lines.slice(0, -1), '["transcript.v1.0",null]', ''];
    },
  },
  (t, { resolves }) => t.truthy(resolves),
);

const refusals = {
  'another hash': { sql: `UPDATE transcriptSpans SET hash = 'x' WHERE vatID = 'v2' AND startPos = 5` },
  'another snapshot': { sql: `UPDATE snapshots SET hash = 'x' WHERE vatID = 'v2' AND snapPos = 5` },
  'another current span': {
    sql: `UPDATE transcriptSpans SET endPos = endPos + 1 WHERE vatID = 'v1' AND isCurrent = 1`,
  },
  'a bundle too many': { sql: `DELETE FROM bundles` },
  'items that are missing': { sql: `DELETE FROM transcriptItems WHERE vatID = 'v1' AND position = 20` },
  'an unknown kind': { spoil: lines => ['["mystery.1","x"]', ...lines] },
  'no JSON': { spoil: lines => lines.map(line => line.replace('\\"vatID\\"', 'vatID')) },
};
for (const [title, { sql = '', spoil = same }] of Object.entries(refusals)) {
  compare(title, { sql, spoil }, (t, { rejects }, before, after) => {
    t.truthy(rejects, title);
    assertSame(after, before, title);
  });
}

check('heights, arguments and the command line', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeStore(reference.api, at('store'));
    fs.mkdirSync(at('export'));
    await writeAsCosmic(reference.api, at('store'), at('export'), { artifactMode: 'archival', exportDataMode: 'all' });
    const code = 'ERR_SWING_STORE_HEIGHT';
    await t.throwsAsync(repairSwingStoreFromDirectory(at('export'), at('store'), { blockHeight: 41 }), { code });
    await t.throwsAsync(repairSwingStoreFromDirectory(at('export'), at('nowhere')), { code: 'ERR_SWING_STORE_OPEN' });
    await t.throwsAsync(repairSwingStoreFromDirectory(at('export'), 7), { message: 'dirPath must be a string' });
    const signal = AbortSignal.abort();
    await t.throwsAsync(repairSwingStoreFromDirectory(at('export'), at('store'), { signal }), {
      name: 'AbortError',
      any: true,
    });
    t.is(fs.existsSync(at('nowhere')), false);

    await change(at('store'), missing);
    const command = [
      'import',
      '--state-dir',
      at('store'),
      '--export-dir',
      at('export'),
      '--export-data-mode',
      'repair-metadata',
    ];
    t.is((await runCli([...command, '--artifact-mode', 'operational'])).code, 2);
    t.like(await runJson([...command, '--check-block-height', '41']), { code: 3, error: { code } });
    const repaired = await runJson([...command, '--artifact-mode', 'none', '--check-block-height', '42']);
    t.like(repaired, { code: 0, command: 'import', exportDataMode: 'repair-metadata', blockHeight: 42 });
    t.true(repaired.added > 10);
    t.like(await runJson(command), { code: 0, added: 0 });

    // An export of another block than the store's.
    const manifest = path.join(at('export'), manifestName);
    fs.writeFileSync(manifest, fs.readFileSync(manifest, 'utf8').replace('"blockHeight": 42', '"blockHeight": 43'));
    const error = await t.throwsAsync(repairSwingStoreFromDirectory(at('export'), at('store')), { code });
    t.is(error.message, 'the store is at unexpected block height 42 (expected 43)');
  });
});
