// Pruning only what an archive has.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { runCli, runJson } from '../support/common/cli.mjs';
import { subject } from '../support/common/implementations.mjs';
import { inTempDir } from '../support/common/world.mjs';
import { makeAsKernel } from '../support/tools/kernel-like-store.mjs';
import { withObjectServer } from '../support/tools/object-server.mjs';

const { archiveSwingStore, exportSwingStoreToDirectory, pruneSwingStore, verifySwingStore } = subject.api;

const withStore = use =>
  inTempDir(async base => {
    const at = (...names) => path.join(base, ...names);
    await makeAsKernel(subject.api, at('store'), { keepSnapshots: true });
    await use({ at, store: at('store') });
  });

const lacking = async store => {
  const { findings } = await verifySwingStore(store, { artifactMode: 'archival' });
  return findings.map(({ kind, key }) => [kind, key]);
};

/** The names of a historical span and a historical snapshot of `v1`. */
const SPAN = 'transcript.v1.0.6';
const SNAPSHOT = 'snapshot.v1.5';

test('what an archive lacks, or has damaged, is kept', async t => {
  await withStore(async ({ at, store }) => {
    await archiveSwingStore(store, at('archive'));
    const all = await pruneSwingStore(store, { keep: 'operational', dryRun: true });
    t.like(all, { unarchivedCount: 0, unarchived: [] });
    const files = fs.readdirSync(at('archive'));
    t.true(files.includes(`${SPAN}.gz`) && files.includes(`${SNAPSHOT}.gz`), `${files}`);
    for (const [name, spoil, code] of [
      [SPAN, file => fs.rmSync(file), 'ERR_SWING_STORE_NOT_FOUND'],
      [SPAN, file => fs.writeFileSync(file, gzipSync('other\n'.repeat(6))), 'ERR_SWING_STORE_INVALID'],
      [SPAN, file => fs.writeFileSync(file, gzipSync('other\n')), 'ERR_SWING_STORE_INVALID'],
      [SPAN, file => fs.truncateSync(file, 40), 'ERR_SWING_STORE_INVALID'],
      [SNAPSHOT, file => fs.rmSync(file), 'ERR_SWING_STORE_NOT_FOUND'],
      [SNAPSHOT, file => fs.writeFileSync(file, gzipSync('other')), 'ERR_SWING_STORE_INVALID'],
    ]) {
      spoil(at('archive', `${name}.gz`));
      const options = { keep: 'operational', archivedIn: at('archive') };
      const wouldBe = await pruneSwingStore(store, { ...options, dryRun: true });
      const expected = { spans: all.spans, snapshots: all.snapshots };
      expected[name === SPAN ? 'spans' : 'snapshots'] -= 1;
      t.like(wouldBe, { ...expected, unarchivedCount: 1 });
      t.deepEqual(
        wouldBe.unarchived.map(({ name: of, code: why }) => [of, why]),
        [[name, code]],
      );
      fs.cpSync(store, at('copy'), { recursive: true });
      const pruned = await pruneSwingStore(at('copy'), options);
      t.like(pruned, { ...expected, unarchivedCount: 1, unarchived: wouldBe.unarchived, done: true });
      const spansLeft = (await lacking(at('copy'))).length;
      // The other spans of live vats are gone.
      t.true(spansLeft > 0);
      const rest = await pruneSwingStore(at('copy'), { keep: 'operational' });
      t.is(rest.spans + rest.snapshots, 1, name);
      fs.rmSync(at('copy'), { recursive: true });
      await archiveSwingStore(store, at('archive'), { checkExisting: true });
    }
  });
});

test('an export is an archive, too', async t => {
  await withStore(async ({ at, store }) => {
    await exportSwingStoreToDirectory(store, at('export'), { artifactMode: 'debug', compress: true });
    const pruned = await pruneSwingStore(store, { keep: 'operational', archivedIn: at('export') });
    t.like(pruned, { unarchivedCount: 0, done: true });
    t.true(pruned.spans > 0 && pruned.snapshots > 0);
    fs.mkdirSync(at('empty'));
    await t.throwsAsync(pruneSwingStore(store, { keep: 'operational', archivedIn: at('empty') }), { code: 'ENOENT' });
    await t.throwsAsync(pruneSwingStore(store, { keep: 'operational', archivedIn: '' }), {
      message: 'archivedIn must be a string',
    });
  });
});

test('no more is read from the archive than the limit needs', async t => {
  await withStore(async ({ at, store }) => {
    await archiveSwingStore(store, at('archive'));
    const options = { keep: { transcripts: 'operational', snapshots: 'debug' }, archivedIn: at('archive'), limit: 1 };
    const first = await pruneSwingStore(store, options);
    t.like(first, { spans: 1, done: false });
    const second = await pruneSwingStore(store, { ...options, limit: undefined });
    t.like(second, { done: true, unarchivedCount: 0 });
  });
});

test.serial('an archive in an object store, from a shell', async t => {
  await withStore(async ({ store }) => {
    await withObjectServer(async server => {
      await archiveSwingStore(store, server.url);
      server.objects.delete(`bucket/archive/${SPAN}.gz`);
      server.setFault(({ path: of }) => (of.includes(SNAPSHOT) ? 'deny' : undefined));
      const args = ['prune', '--state-dir', store, '--keep', 'operational', '--archived-in', server.url];
      const { code, stdout } = await runCli(args, { env: server.env });
      t.is(code, 1);
      t.regex(stdout, /^Deleted \d+ items/);
      t.regex(stdout, /\nKept 2 that are not archived:\n/);
      t.true(stdout.includes(`  ${SPAN}: it is not in ${server.url}. Archive it first`), stdout);
      t.regex(stdout, new RegExp(`  ${SNAPSHOT}: .*denies access`));
      t.false(stdout.includes(server.env.AWS_SECRET_ACCESS_KEY));
      server.setFault(() => 'busy');
      const busy = await runCli(args, { env: server.env });
      t.is(busy.code, 1);
      t.regex(busy.stdout, /HTTP status 503/);
      server.setFault(undefined);
      await archiveSwingStore(store, server.url);
      t.like(await runJson(args, { env: server.env }), {
        code: 0,
        archivedIn: server.url,
        spans: 1,
        snapshots: 1,
        unarchived: [],
      });
    });
  });
});
