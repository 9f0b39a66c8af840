// Processes that are killed at random times while they prune, repopulate or compact a store leave a valid store, and the next process
// finishes the work.
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import * as api from '../../index.mjs';
import { makeStore, readFiles } from '../support/common/cosmic-directory.mjs';
import { makeKiller } from '../support/torture/kill-at-random.mjs';

const {
  compactSwingStore,
  exportSwingStoreToDirectory,
  openSwingStore,
  pruneSwingStore,
  repopulateSwingStoreFromDirectory,
} = api;
const kill = makeKiller(
  fileURLToPath(new URL('../support/robustness/programs/prune-or-repopulate.mjs', import.meta.url)),
  15,
);

const macro = fn => async t => {
  t.timeout(300_000);
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-killed-'));
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }));
  const at = name => path.join(base, name);
  await makeStore(api, at('store'), {}, { items: 400, imageSize: 300_000 });
  await exportSwingStoreToDirectory(at('store'), at('full'), { artifactMode: 'debug' });
  await fn(t, at);
};

/** The contents of each span and snapshot in a store. */
const look = async (t, dir) => {
  const { hostStorage, debug } = openSwingStore(dir);
  const db = debug.getDatabase();
  t.is(db.pragma('integrity_check', { simple: true }), 'ok');
  const spans = db
    .prepare(
      `SELECT vatID, startPos, endPos, isCurrent, (SELECT count(*) FROM transcriptItems i
         WHERE i.vatID = s.vatID AND i.position >= startPos AND i.position < endPos) AS found
       FROM transcriptSpans s ORDER BY vatID, startPos`,
    )
    .all();
  const snapshots = db.prepare('SELECT count(*) FROM snapshots WHERE compressedSnapshot IS NOT NULL').pluck().get();
  await hostStorage.close();
  const isWhole = ({ startPos, endPos, found }) => found === endPos - startPos;
  return {
    filled: spans.filter(isWhole).length,
    partial: spans.filter(span => !isWhole(span) && span.found > 0),
    gaps: spans.filter(
      (span, i) => i > 0 && spans[i - 1].vatID === span.vatID && spans[i - 1].found > 0 && !isWhole(span),
    ),
    snapshots,
  };
};

const isEqual = async (t, at) => {
  await exportSwingStoreToDirectory(at('store'), at('now'), { artifactMode: 'debug' });
  t.deepEqual(readFiles(at('now')), readFiles(at('full')));
  fs.rmSync(at('now'), { recursive: true });
};

test.serial(
  'prune',
  macro(async (t, at) => {
    const counts = { none: 0, some: 0, all: 0, partial: 0 };
    await exportSwingStoreToDirectory(at('store'), at('needed'), { artifactMode: 'operational' });
    await kill(['prune', at('store')], async said => {
      const { filled, partial, gaps, snapshots } = await look(t, at('store'));
      // The remaining history of each vat has no gaps, and at most one span is incomplete.
      t.deepEqual(gaps, []);
      t.true(partial.length <= 1);
      counts.partial += partial.length;
      const isDone = filled === 2 && snapshots === 2;
      if (said.includes('done')) t.true(isDone);
      counts[isDone ? 'all' : filled + snapshots === 27 ? 'none' : 'some'] += 1;
      const { done } = await pruneSwingStore(at('store'), { keep: 'operational' });
      t.true(done);
      await exportSwingStoreToDirectory(at('store'), at('now'), { artifactMode: 'operational' });
      t.deepEqual(readFiles(at('now')), readFiles(at('needed')));
      fs.rmSync(at('now'), { recursive: true });
      await repopulateSwingStoreFromDirectory(at('full'), at('store'), { artifactMode: 'debug' });
    });
    await isEqual(t, at);
    t.log(counts);
    t.true(counts.some > 0);
  }),
);

test.serial(
  'compact and expand',
  macro(async (t, at) => {
    const counts = { rows: 0, some: 0, frames: 0 };
    await kill(['compact', at('store')], async () => {
      await isEqual(t, at);
      const { hostStorage, debug } = openSwingStore(at('store'));
      const db = debug.getDatabase();
      t.is(db.pragma('integrity_check', { simple: true }), 'ok');
      const count = sql => db.prepare(`SELECT count(*) FROM ${sql}`).pluck().get();
      const hasTable = count(`sqlite_schema WHERE name = 'compressedItems'`) > 0;
      const frames = hasTable ? count('compressedItems') : 0;
      const rows = count(
        'transcriptItems i JOIN transcriptSpans s USING (vatID) WHERE s.isCurrent IS NULL AND i.position < s.endPos',
      );
      counts[frames === 0 ? 'rows' : rows === 0 ? 'frames' : 'some'] += 1;
      await hostStorage.close();
    });
    t.log(counts);
    t.true(counts.some > 0);
    t.true((await compactSwingStore(at('store'))).done);
    await isEqual(t, at);
  }),
);

test.serial(
  'repopulate',
  macro(async (t, at) => {
    const counts = { none: 0, some: 0, all: 0 };
    await pruneSwingStore(at('store'), { keep: 'operational' });
    await kill(['repopulate', at('store'), at('full')], async said => {
      const { filled, partial, snapshots } = await look(t, at('store'));
      t.deepEqual(partial, [], 'all of an artifact or nothing');
      const count = filled + snapshots;
      if (said.includes('done')) t.is(count, 27);
      counts[count === 27 ? 'all' : count === 4 ? 'none' : 'some'] += 1;
      const { missing, present } = await repopulateSwingStoreFromDirectory(at('full'), at('store'), {
        artifactMode: 'debug',
      });
      t.deepEqual(missing, []);
      t.is(present, count + 2, 'the bundles, too');
      await isEqual(t, at);
      await pruneSwingStore(at('store'), { keep: 'operational' });
    });
    t.log(counts);
    t.true(counts.some > 0);
    t.deepEqual(fs.readdirSync(at('store')), ['swingstore.sqlite']);
  }),
);
