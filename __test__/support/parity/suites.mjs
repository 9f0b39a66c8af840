// The random suites, by name: what they generate, and how they check an example for a pair of implementations. The test
// files run them for ours and the reference; the self-test runs them for the reference and a faulty one.
import fc from 'fast-check';
import path from 'node:path';
import { bundleSteps } from './arbitraries/bundles.mjs';
import { config, example, withoutDumps } from './arbitraries/config.mjs';
import { hugeKvSteps, kvSteps } from './arbitraries/kv.mjs';
import { mode, mutation, repairMutation, style } from './arbitraries/mutations.mjs';
import { largeSnapshotSteps, snapshotSteps } from './arbitraries/snapshots.mjs';
import { hugeTranscriptSteps, transcriptSteps } from './arbitraries/transcripts.mjs';
import { wholeSteps } from './arbitraries/whole.mjs';
import { reference } from '../common/implementations.mjs';
import { compareImports } from '../common/compare-imports.mjs';
import { mutate } from '../common/spoil-export.mjs';
import { glance } from '../common/observe.mjs';
import { makePlainExporter, readPlain } from '../common/plain-exporter.mjs';
import { doInBoth, operations, runSideBySide } from './runner.mjs';
import { inTempDir, makeWorld } from '../common/world.mjs';

const max = maxLength => ({ maxLength, size: 'max' });

const sideBySide = (steps, tail, configs) => ({
  examples: example(steps, tail, configs),
  check: runSideBySide,
});

const keepAll = { keepTranscripts: true, keepSnapshots: true };

const perform = async (world, steps) => {
  for (const [name, ...args] of steps) {
    try {
      await operations[name](world, ...args);
    } catch {
      // Some steps are mistakes. Other suites compare their errors.
    }
  }
  await world.store.hostStorage.commit();
};

/** The reference's export of a store that it has made. */
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

const whole = {
  examples: fc.record({
    config: config.map(c => ({ ...c, memory: false })),
    lookOften: fc.boolean(),
    steps: wholeSteps({ maxLength: 20 }),
    tail: wholeSteps({ maxLength: 4 }),
    imports: fc.array(
      fc.record({
        // The implementation whose exporter both import from.
        from: fc.constantFrom(0, 1),
        exportMode: mode,
        importMode: mode,
        intoMemory: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
  }),
  check: (pair, { imports, ...rest }) =>
    inTempDir(base =>
      runSideBySide(pair, {
        ...rest,
        async afterwards(worlds) {
          for (const [i, choice] of imports.entries()) {
            const { from, exportMode, importMode, intoMemory } = choice;
            const { impl, dir, tidy } = worlds[from];
            const makeExporter = () => ({
              exporter: impl.api.makeSwingStoreExporter(dir, {
                artifactMode: exportMode,
              }),
              tidy,
            });
            await compareImports(
              pair,
              intoMemory ? null : path.join(base, `import-${i}`),
              makeExporter,
              { artifactMode: importMode },
              `import ${i}, ${importMode} of ${exportMode} by ${impl.name}`,
            );
          }
        },
      }),
    ),
};

const spoiledImport = {
  examples: fc.record({
    steps: wholeSteps({ prune: false, around: false, maxLength: 8 }),
    exportMode: mode,
    // Several attempts on one store, since making it takes longest.
    attempts: fc.array(
      fc.record({
        changes: fc.array(mutation, { maxLength: 3 }),
        importMode: mode,
        how: style,
        intoMemory: fc.constantFrom(true, true, true, false),
      }),
      { minLength: 1, maxLength: 8, size: 'max' },
    ),
  }),
  check: (pair, { steps, exportMode, attempts }) =>
    inTempDir(async base => {
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
    }),
};

const loss = fc.tuple(
  fc.constantFrom('transcriptSpans', 'transcriptSpans', 'snapshots', 'bundles'),
  fc.nat({ max: 8 }),
);

const which = {
  transcriptSpans: 'isCurrent IS NULL ORDER BY vatID, startPos',
  snapshots: 'inUse IS NULL ORDER BY vatID, snapPos',
  bundles: '1 ORDER BY bundleID',
};

/** Deletes metadata: the n-th row of those that are not current. */
const lose = ({ store }, table, n) => {
  const row = `SELECT rowid FROM ${table} WHERE ${which[table]} LIMIT 1 OFFSET ${n}`;
  const db = store.debug.getDatabase();
  db.prepare(`DELETE FROM ${table} WHERE rowid IN (${row})`).run();
};

const repair = {
  examples: fc.record({
    steps: wholeSteps({ prune: false, around: false, maxLength: 8 }),
    losses: fc.array(loss, { maxLength: 4 }),
    changes: fc.array(repairMutation, { maxLength: 2 }),
    how: style,
    commit: fc.boolean(),
  }),
  check: (pair, { steps, losses, changes, how, commit }) =>
    inTempDir(async base => {
      const worlds = pair.map((impl, i) =>
        makeWorld(impl, path.join(base, `${i}`), { ...keepAll, callback: 'record' }),
      );
      const complete = path.join(base, 'complete');
      const spoiled = mutate(await makeExport(complete, steps, 'debug'), changes);
      const repairFrom = makeExporter => world => {
        const { repairMetadata } = world.store.hostStorage;
        return repairMetadata(makeExporter());
      };
      try {
        for (const world of worlds) {
          world.init();
          await perform(world, steps);
          world.takeEvents();
          for (const [table, n] of losses) lose(world, table, n);
        }
        await doInBoth(
          worlds,
          repairFrom(() => makePlainExporter(spoiled, how).exporter),
          'repairMetadata',
        );
        await doInBoth(worlds, glance, 'seen after repairMetadata');
        if (commit) await doInBoth(worlds, operations.commit, 'commit');
        await doInBoth(worlds, operations.reopen, 'reopen');
        await doInBoth(worlds, w => operations.export(w, 'debug'), 'export');
        await doInBoth(
          worlds,
          repairFrom(() => reference.api.makeSwingStoreExporter(complete)),
          'repairMetadata from an exporter',
        );
        await doInBoth(worlds, glance, 'seen after the second repair');
      } finally {
        for (const world of worlds) await world.close().catch(() => {});
      }
    }),
};

export const suites = {
  kv: sideBySide(kvSteps(max(60)), kvSteps(max(10))),
  hugeKv: sideBySide(hugeKvSteps(max(12)), hugeKvSteps(max(4))),
  transcripts: sideBySide(transcriptSteps(max(30)), transcriptSteps(max(8))),
  hugeTranscripts: sideBySide(hugeTranscriptSteps(max(10)), hugeTranscriptSteps(max(4))),
  snapshots: sideBySide(snapshotSteps(max(20)), snapshotSteps(max(6))),
  largeSnapshots: sideBySide(largeSnapshotSteps(max(8)), largeSnapshotSteps(max(3)), withoutDumps),
  bundles: sideBySide(bundleSteps(max(25)), bundleSteps(max(6))),
  whole,
  import: spoiledImport,
  repair,
};
