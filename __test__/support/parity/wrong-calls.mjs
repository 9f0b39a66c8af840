// Dozens of wrong calls on a small store. Compared are the message, the kind of error, and whether the call throws or
// rejects.
import { Buffer } from 'node:buffer';
import { bundles } from '../common/bundles.mjs';
import { drain, drainAsync } from '../common/outcome.mjs';

const populate = async ({ kernelStorage, hostStorage }) => {
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  kvStore.set('a', '1');
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', 'one');
  await transcriptStore.rolloverSpan('v1');
  transcriptStore.addItem('v1', 'two');
  await snapStore.saveSnapshot('v1', 1, [Buffer.from('image')]);
  bundleStore.addBundle(bundles.b0a.id, bundles.b0a.bundle);
  await hostStorage.commit();
};

const wrongTexts = [undefined, null, 0, 7n, true, {}, Symbol('s')];

const spanRecord = (more = {}) => ({
  vatID: 'v9',
  startPos: 0,
  endPos: 1,
  hash: 'h',
  isCurrent: 0,
  incarnation: 0,
  ...more,
});

const snapRecord = (more = {}) => ({
  vatID: 'v9',
  snapPos: 3,
  hash: 'h',
  inUse: 0,
  ...more,
});

const without = (record, field) => {
  const { [field]: _gone, ...rest } = record;
  return rest;
};

function* kvCalls({ kernelStorage, hostStorage }) {
  for (const kvStore of [kernelStorage.kvStore, hostStorage.kvStore]) {
    for (const wrong of wrongTexts) {
      yield () => kvStore.get(wrong);
      yield () => kvStore.has(wrong);
      yield () => kvStore.getNextKey(wrong);
      yield () => kvStore.set(wrong, 'value');
      yield () => kvStore.set('b', wrong);
      yield () => kvStore.set('host.b', wrong);
      yield () => kvStore.delete(wrong);
    }
    yield () => kvStore.set('a', '1');
    yield () => kvStore.set('host.a', '1');
    yield () => kvStore.set('local.a', '1');
    yield () => kvStore.delete('a');
    yield () => kvStore.delete('host.a');
    yield () => kvStore.get();
    yield () => kvStore.set('lonely');
  }
}

function* crankCalls({ kernelStorage }) {
  const { startCrank, endCrank, establishCrankSavepoint, rollbackCrank } = kernelStorage;
  yield () => endCrank();
  yield () => establishCrankSavepoint('x');
  yield () => rollbackCrank('x');
  yield () => startCrank();
  yield () => startCrank();
  yield () => rollbackCrank('x');
  yield () => establishCrankSavepoint('x');
  yield () => rollbackCrank('y');
  yield () => rollbackCrank('"quoted"');
  yield () => rollbackCrank('x'.repeat(50));
  yield () => rollbackCrank(undefined);
  yield () => endCrank();
}

function* transcriptCalls({ kernelStorage, internal }) {
  const store = kernelStorage.transcriptStore;
  const inside = internal.transcriptStore;
  yield () => store.initTranscript('v1');
  yield () => store.addItem('none', 'item');
  yield () => store.rolloverSpan('none');
  yield () => store.rolloverIncarnation('none');
  yield () => store.stopUsingTranscript('none');
  yield () => store.getCurrentSpanBounds('none');
  yield () => store.getCurrentSpanBounds('"é\u{1f600}\0');
  yield () => store.readSpan('none');
  for (const position of [7, -1, 0.5, NaN, Infinity, null, '0', 0n, {}, 1e300]) {
    yield () => drain(store.readSpan('v1', position));
  }
  yield () => drain(store.readSpan('none', 0));
  for (const budget of [0, -1, NaN, null, 0.5, 1.5, -Infinity, '2', 'x', 2n, {}, []]) {
    yield () => store.deleteVatTranscripts('none', budget);
  }
  for (const name of [
    undefined,
    7,
    '',
    'transcript',
    'transcript.v1.0',
    'transcript.v1.0.1.2',
    'span.v1.0.1',
    'transcript.v1.9.10',
    'transcript.v1.x.1',
    'transcript.v1..1',
    'transcript.v1.1e0.2',
    'transcript.v1. 1.2',
    'transcript.v1.0x1.2',
    'transcript.v1.1.99',
    'transcript.none.0.1',
  ]) {
    yield () => drainAsync(inside.exportSpan(name));
  }
  for (const mode of ['debug', 'unknown', undefined]) {
    yield () => inside.assertComplete(mode);
    yield () => drainAsync(inside.getArtifactNames(mode));
  }
  for (const method of ['importTranscriptSpanRecord', 'repairTranscriptSpanRecord']) {
    const put = (key, record) => inside[method](key, typeof record === 'string' ? record : JSON.stringify(record));
    yield () => put('transcript.v9.0', spanRecord());
    yield () => put('transcript.v9.0', spanRecord());
    yield () => put('transcript.v9.0', spanRecord({ endPos: 2 }));
    yield () => put('transcript.v9.0', spanRecord({ hash: 'other' }));
    yield () => put('transcript.v9.0', spanRecord({ incarnation: 4 }));
    yield () => put('transcript.v9.5', spanRecord());
    yield () => put('transcript.v8.0', spanRecord());
    yield () => put('transcript.v9.x', spanRecord());
    yield () => put('transcript.v9', spanRecord());
    yield () => put('transcript.v9.0.more', spanRecord({ startPos: 0 }));
    yield () => put('other.v9.0', spanRecord());
    yield () => put('transcript.v9.current', spanRecord());
    yield () => put('transcript.v9.0', spanRecord({ isCurrent: 1 }));
    yield () => put('transcript.v9.0', '{"');
    yield () => put('transcript.v9.0', 'null');
    yield () => put('transcript.v9.0', '7');
    // A repair with a record that lacks a field is a known difference.
    const fields = method === 'repairTranscriptSpanRecord' ? ['vatID', 'startPos'] : Object.keys(spanRecord());
    for (const field of fields) {
      yield () => put('transcript.v9.0', without(spanRecord(), field));
    }
  }
}

function* snapshotCalls({ kernelStorage, internal }) {
  const store = kernelStorage.snapStore;
  const inside = internal.snapStore;
  yield () => drainAsync(store.loadSnapshot('none'));
  yield () => store.getSnapshotInfo('none');
  yield () => store.stopUsingLastSnapshot('none');
  for (const budget of [0, -1, NaN, null, 0.5, 1.5, -Infinity, '2', 'x', 2n, {}, []]) {
    yield () => store.deleteVatSnapshots('none', budget);
  }
  for (const name of [
    undefined,
    7,
    '',
    'snapshot',
    'snapshot.v1',
    'snapshot.v1.1.2',
    'snap.v1.1',
    'snapshot.v1.9',
    'snapshot.v1.x',
    'snapshot.v1.',
    'snapshot.none.1',
  ]) {
    yield () => drainAsync(inside.exportSnapshot(name));
  }
  yield () => inside.hasHash('v1', 'none');
  yield () => inside.deleteSnapshotByHash('v1', 'none');
  for (const mode of ['debug', 'unknown', undefined]) {
    yield () => inside.assertComplete(mode);
    yield () => drainAsync(inside.getArtifactNames(mode));
  }
  for (const method of ['importSnapshotRecord', 'repairSnapshotRecord']) {
    const put = (key, record) => inside[method](key, typeof record === 'string' ? record : JSON.stringify(record));
    yield () => put('snapshot.v9.3', snapRecord());
    yield () => put('snapshot.v9.3', snapRecord());
    yield () => put('snapshot.v9.3', snapRecord({ hash: 'other' }));
    yield () => put('snapshot.v9.3', snapRecord({ inUse: 1 }));
    yield () => put('snapshot.v9.4', snapRecord());
    yield () => put('snapshot.v8.3', snapRecord());
    yield () => put('snapshot.v9', snapRecord({ snapPos: 5 }));
    yield () => put('other.v9.3', snapRecord());
    yield () => put('snapshot.v9.current', 'anything');
    yield () => put('snapshot.v9.3', '{"');
    yield () => put('snapshot.v9.3', 'null');
    const fields = method === 'repairSnapshotRecord' ? ['vatID', 'snapPos'] : Object.keys(snapRecord());
    for (const field of fields) {
      yield () => put('snapshot.v9.6', without(snapRecord({ snapPos: 6 }), field));
    }
  }
}

function* bundleCalls({ kernelStorage, internal }) {
  const store = kernelStorage.bundleStore;
  const inside = internal.bundleStore;
  for (const { id, bundle } of Object.values(bundles)) {
    yield () => store.addBundle(id, bundle);
    yield () => store.addBundle(id, bundle);
    yield () => store.getBundle(id);
    yield () => store.hasBundle(id);
  }
  yield () => store.getBundle('none');
  yield () => store.getBundle('"b0-é');
  yield () => store.deleteBundle('none');
  yield () => store.addBundle('b0-none', undefined);
  yield () => store.addBundle('b0-none', null);
  yield () => store.addBundle(undefined, bundles.b0a.bundle);
  yield () => store.addBundle(`b1-undefined`, { moduleFormat: 'endoZipBase64' });
  yield () => inside.importBundleRecord('bundle.b0-x', 'b0-x');
  yield () => inside.importBundleRecord('bundle.b0-x', 'b0-x');
  yield () => inside.importBundleRecord('bundle.b0-x', 'b0-y');
  yield () => inside.importBundleRecord('bundle', 'b0-y');
  yield () => inside.importBundleRecord('other.b0-y', 'b0-y');
  yield () => inside.repairBundleRecord('bundle.b0-x', 'b0-x');
  yield () => inside.repairBundleRecord('bundle.b0-z', 'b0-z');
  yield () => inside.repairBundleRecord('bundle.b0-z', 'b0-x');
  yield () => store.getBundle('b0-x');
  yield () => store.hasBundle('b0-x');
  yield () => inside.assertComplete('operational');
  yield () => inside.assertComplete('debug');
  for (const name of ['bundle.b0-x', 'bundle.none', 'bundle', 'bundle.a.b', 'x.y', 7, undefined]) {
    yield () => drainAsync(inside.exportBundle(name));
    yield () => inside.importBundle(name, async () => Buffer.from('{}'));
  }
  const { id } = bundles.b0a;
  for (const text of ['', 'x', '{"', 'null', '{}', '[]', '"text"']) {
    yield () => inside.importBundle(`bundle.${id}`, async () => Buffer.from(text));
  }
  yield () =>
    inside.importBundle(`bundle.${id}`, async () => {
      throw Error('no data today');
    });
}

const groups = {
  'wrong calls of a kvStore': kvCalls,
  'wrong calls of cranks': crankCalls,
  'wrong calls of a transcriptStore': transcriptCalls,
  'wrong calls of a snapStore': snapshotCalls,
  'wrong calls of a bundleStore': bundleCalls,
};

/** Scenarios, each a store and a list of wrong calls. */
export const errorScenarios = Object.fromEntries(
  Object.entries(groups).map(([name, calls]) => [
    name,
    async ({ api, attempt, dir }) => {
      const store = api.initSwingStore(dir);
      await populate(store);
      const seen = [];
      for (const call of calls(store)) {
        seen.push([String(call), await attempt(call)]);
      }
      await store.hostStorage.close();
      return seen;
    },
  ]),
);
