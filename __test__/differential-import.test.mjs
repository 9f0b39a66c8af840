// Import is validation: exports that were spoiled in every way we could think of
// get the same verdict, with the same words, from both implementations.
import '@endo/init/debug.js';

import fc from 'fast-check';
import test from 'ava';
import path from 'node:path';
import { mode, mutation, style } from './support/arbitraries/mutations.mjs';
import { wholeSteps } from './support/arbitraries/whole.mjs';
import { reference, subject } from './support/implementations.mjs';
import { compareImports } from './support/importing.mjs';
import { mutate } from './support/mutate.mjs';
import { glance } from './support/observe.mjs';
import { makePlainExporter, readPlain } from './support/plain-exporter.mjs';
import { checkProperty } from './support/property.mjs';
import { doInBoth, operations } from './support/runner.mjs';
import { makeTempDir, makeWorld, removeDir } from './support/world.mjs';

const pair = [subject, reference];

const perform = async (world, steps) => {
  for (const [name, ...args] of steps) {
    try {
      await operations[name](world, ...args);
    } catch {
      // Some steps are mistakes. That both make the same is for other tests.
    }
  }
  await world.store.hostStorage.commit();
};

const keepAll = { keepTranscripts: true, keepSnapshots: true };

/** What there is to import: the reference's export of a store that it made. */
const makeExport = async (dir, steps, artifactMode) => {
  const world = makeWorld(reference, dir, keepAll);
  world.init();
  await perform(world, steps);
  await world.close();
  const { makeSwingStoreExporter } = reference.api;
  let exporter = makeSwingStoreExporter(dir, { artifactMode });
  try {
    exporter.getArtifactNames();
  } catch {
    await exporter.close();
    exporter = makeSwingStoreExporter(dir, { artifactMode: 'debug' });
  }
  return readPlain(exporter);
};

const withTempDir = async use => {
  const base = makeTempDir();
  try {
    return await use(base);
  } finally {
    removeDir(base);
  }
};

test('spoiled exports', async t => {
  const examples = fc.record({
    steps: wholeSteps({ prune: false, around: false, maxLength: 8 }),
    exportMode: mode,
    // Several attempts on one store: making it takes longest.
    attempts: fc.array(
      fc.record({
        changes: fc.array(mutation, { maxLength: 3 }),
        importMode: mode,
        how: style,
        intoMemory: fc.constantFrom(true, true, true, false),
      }),
      { minLength: 1, maxLength: 8, size: 'max' },
    ),
  });
  const check = ({ steps, exportMode, attempts }) =>
    withTempDir(async base => {
      const plain = await makeExport(path.join(base, 'store'), steps, exportMode);
      for (const [i, one] of attempts.entries()) {
        const { changes, importMode, how, intoMemory } = one;
        const spoiled = mutate(plain, changes);
        await compareImports(
          pair,
          intoMemory ? null : path.join(base, `import-${i}`),
          () => makePlainExporter(spoiled, how),
          { artifactMode: importMode },
          `attempt ${i}, ${importMode} import after ${JSON.stringify(changes)}`,
        );
      }
    });
  await checkProperty(t, examples, check, { runs: 120 });
});

test('repairing metadata', async t => {
  const loss = fc.oneof(
    fc.tuple(fc.constant('transcriptSpans'), fc.nat({ max: 12 })),
    fc.tuple(fc.constant('snapshots'), fc.nat({ max: 6 })),
    fc.tuple(fc.constant('bundles'), fc.nat({ max: 3 })),
  );
  const examples = fc.record({
    steps: wholeSteps({ prune: false, around: false, maxLength: 8 }),
    losses: fc.array(loss, { maxLength: 4 }),
    changes: fc.array(mutation, { maxLength: 2 }),
    how: style,
    commit: fc.boolean(),
  });
  // Metadata that got lost: the n-th row that is not a current one.
  const lose = ({ store }, table, n) => {
    const old = {
      transcriptSpans: 'isCurrent IS NULL ORDER BY vatID, startPos',
      snapshots: 'inUse IS NULL ORDER BY vatID, snapPos',
      bundles: '1 ORDER BY bundleID',
    };
    store.debug
      .getDatabase()
      .prepare(
        `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE ${old[table]} LIMIT 1 OFFSET ${n})`,
      )
      .run();
  };
  const check = ({ steps, losses, changes, how, commit }) =>
    withTempDir(async base => {
      const worlds = pair.map((impl, i) =>
        makeWorld(impl, path.join(base, `${i}`), { ...keepAll, callback: 'record' }),
      );
      try {
        for (const world of worlds) {
          world.init();
          await perform(world, steps);
          world.takeEvents();
          // On its own connection's next transaction, as if it had always been so.
          for (const [table, n] of losses) lose(world, table, n);
        }
        const { makeSwingStoreExporter } = reference.api;
        const whole = path.join(base, 'whole');
        const plain = await makeExport(whole, steps, 'debug');
        const spoiled = mutate(plain, changes);
        const repair = ({ store }) => {
          const { repairMetadata } = store.hostStorage;
          return repairMetadata(makePlainExporter(spoiled, how).exporter);
        };
        await doInBoth(worlds, repair, 'repairMetadata');
        await doInBoth(worlds, glance, 'seen after repairMetadata');
        if (commit) await doInBoth(worlds, operations.commit, 'commit');
        await doInBoth(worlds, w => operations.reopen(w), 'reopen');
        await doInBoth(worlds, w => operations.export(w, 'debug'), 'export');
        // And from a real exporter.
        await doInBoth(
          worlds,
          ({ store }) => {
            const exporter = makeSwingStoreExporter(whole);
            return store.hostStorage.repairMetadata(exporter);
          },
          'repairMetadata from an exporter',
        );
        await doInBoth(worlds, glance, 'seen after the second repair');
      } finally {
        for (const world of worlds) await world.close().catch(() => {});
      }
    });
  await checkProperty(t, examples, check, { runs: 60 });
});
