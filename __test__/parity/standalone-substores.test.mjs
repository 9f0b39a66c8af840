// The sub-stores over a database handle: the same calls of ensureTxn, noteExport and trace, in the same order, with the same
// arguments. And a store's wrap options, with wrappers that record and change calls.
import '@endo/init/debug.js';

import fc from 'fast-check';
import test from 'ava';
import { goodBundleStep } from '../support/parity/arbitraries/bundles.mjs';
import { one, sequence } from '../support/parity/arbitraries/config.mjs';
import { crankOf, kvStep } from '../support/parity/arbitraries/kv.mjs';
import { snapshotStep } from '../support/parity/arbitraries/snapshots.mjs';
import { transcriptStep } from '../support/parity/arbitraries/transcripts.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { checkProperty } from '../support/common/property.mjs';
import { doInBoth, perform } from '../support/parity/runner.mjs';
import { glance } from '../support/common/observe.mjs';
import { makeStandaloneWorld } from '../support/parity/standalone-substores.mjs';
import { makeWorld } from '../support/common/world.mjs';
import { makeWrappers } from '../support/parity/wrappers.mjs';

const pair = [subject, reference];

const anyStep = fc.oneof(
  { weight: 3, arbitrary: kvStep },
  { weight: 3, arbitrary: transcriptStep },
  { weight: 2, arbitrary: snapshotStep },
  { weight: 1, arbitrary: goodBundleStep },
  { weight: 1, arbitrary: fc.constant(['commit']) },
);

const performAndLook = async (worlds, steps, lookOften) => {
  await perform(worlds, steps, lookOften);
  await doInBoth(worlds, glance, 'seen at the end');
};

const closeAll = async worlds => {
  for (const world of worlds) await world.close().catch(() => {});
};

test('sub-stores over a database handle', async t => {
  const examples = fc.record({
    config: fc.record({
      transactions: fc.boolean(),
      writing: fc.boolean(),
      archive: fc.boolean(),
      keepTranscripts: fc.constantFrom(undefined, true, false),
      keepSnapshots: fc.constantFrom(undefined, true, false),
    }),
    // Ours also accept a handle of better-sqlite3.
    foreign: fc.boolean(),
    lookOften: fc.boolean(),
    steps: sequence([one(anyStep)], { maxLength: 40, size: 'max' }),
  });
  const check = async ({ config, foreign, lookOften, steps }) => {
    const openDatabase = foreign ? reference.openDatabase : subject.openDatabase;
    const worlds = [{ ...subject, openDatabase }, reference].map(impl => makeStandaloneWorld(impl, config));
    try {
      await performAndLook(worlds, steps, lookOften);
    } finally {
      await closeAll(worlds);
    }
  };
  await checkProperty(t, examples, check, { runs: 80 });
});

test('wrapped sub-stores', async t => {
  const examples = fc.record({
    changing: fc.boolean(),
    callback: fc.constantFrom('record', 'none'),
    lookOften: fc.boolean(),
    steps: sequence([one(anyStep), crankOf(anyStep), one(fc.constantFrom(['dump'], ['look']))], {
      maxLength: 25,
      size: 'max',
    }),
  });
  const check = async ({ changing, callback, lookOften, steps }) => {
    const worlds = pair.map(impl => {
      const world = makeWorld(impl, null, { callback });
      world.open(makeWrappers(world, changing));
      return world;
    });
    try {
      await performAndLook(worlds, steps, lookOften);
    } finally {
      await closeAll(worlds);
    }
  };
  await checkProperty(t, examples, check, { runs: 60 });
});

// In the random sequences, both have the same wrappers.
test('for a span, ours calls the archiver before noteExport, and the reference after it', async t => {
  for (const impl of pair) {
    const world = makeStandaloneWorld(impl, { transactions: true, writing: true, archive: true });
    const { transcriptStore } = world.store.kernelStorage;
    transcriptStore.initTranscript('v1');
    transcriptStore.addItem('v1', 'item');
    world.events = [];
    await transcriptStore.rolloverSpan('v1');
    const [archived, noted] = ['archive transcript.v1.0.1', 'noteExport transcript.v1.0'];
    t.deepEqual(
      world.events.map(([kind, what]) => (kind === 'ensureTxn' ? kind : `${kind} ${what}`)),
      [
        'ensureTxn',
        ...(impl.name === 'ours' ? [archived, noted] : [noted, archived]),
        'noteExport transcript.v1.current',
      ],
      impl.name,
    );
    await world.close();
  }
});

test('the io of a snapStore measures the times', async t => {
  for (const impl of pair) {
    const world = makeStandaloneWorld(impl, { archive: true });
    const { saveSnapshot } = world.store.kernelStorage.snapStore;
    const result = await saveSnapshot('v1', 1, [new Uint8Array([1, 2, 3])]);
    const { compressSeconds, dbSaveSeconds, archiveWriteSeconds } = result;
    t.deepEqual(
      { compressSeconds, dbSaveSeconds, archiveWriteSeconds },
      { compressSeconds: 42, dbSaveSeconds: 42, archiveWriteSeconds: 42 },
    );
    await world.close();
  }
});
