// Makes stores like a SwingSet kernel's: transcripts with entries that refer to snapshots, upgrades, terminated vats.
import { Buffer } from 'node:buffer';
import { bundles } from '../common/bundles.mjs';

const entry = (...d) => JSON.stringify({ d, sc: [], r: { status: 'ok' } });

async function* imageOf(seed) {
  const image = Buffer.alloc(20_000, `image ${seed} `);
  for (let at = 0; at < image.length; at += 40) image.writeUInt32LE(Math.imul(at + 1, 2654435761) >>> 0, at);
  yield image;
}

/**
 * Fills a store: `v1` to `v3` with three spans in each of two incarnations, and `v4`, which is terminated.
 *
 * @param {any} store
 */
export const fillAsKernel = async ({ kernelStorage, hostStorage }) => {
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  const vats = ['v1', 'v2', 'v3', 'v4'];
  for (const { id, bundle } of [bundles.b0a, bundles.b1a, bundles.b1b]) bundleStore.addBundle(id, bundle);
  const add = (vatID, ...d) => transcriptStore.addItem(vatID, entry(...d));
  kernelStorage.startCrank();
  kvStore.set('vat.names', '["bootstrap"]');
  kvStore.set('vat.name.bootstrap', 'v1');
  kvStore.set('vat.dynamicIDs', '["v2","v3"]');
  kvStore.set('vats.terminated', '["v4"]');
  for (let i = 0; i < 100; i += 1) kvStore.set(`v1.vs.${i}`, `größe ${'x'.repeat(i * 10)}`);
  for (const vatID of vats) {
    kvStore.set(`${vatID}.options`, '{"useTranscript":true}');
    transcriptStore.initTranscript(vatID);
    for (const incarnation of [0, 1]) {
      if (incarnation > 0) {
        add(vatID, 'shutdown-worker');
        snapStore.stopUsingLastSnapshot(vatID);
        await transcriptStore.rolloverIncarnation(vatID);
      }
      add(vatID, 'initialize-worker', { source: { bundleID: bundles.b1a.id } });
      for (let span = 0; span < 2; span += 1) {
        for (let i = 0; i < 4; i += 1) add(vatID, 'message', `o+${i}`, { n: i, text: 'é\u2028' });
        const { endPos } = transcriptStore.getCurrentSpanBounds(vatID);
        add(vatID, 'save-snapshot');
        const { hash } = await snapStore.saveSnapshot(vatID, endPos, imageOf(`${vatID}.${incarnation}.${span}`));
        await transcriptStore.rolloverSpan(vatID);
        add(vatID, 'load-snapshot', { snapshotID: hash });
      }
    }
  }
  snapStore.stopUsingLastSnapshot('v4');
  await transcriptStore.stopUsingTranscript('v4');
  kernelStorage.emitCrankHashes();
  kernelStorage.endCrank();
  hostStorage.kvStore.set('host.height', '42');
};

/** Makes such a store with an implementation, and closes it. */
export const makeAsKernel = async (api, dir, options = {}) => {
  const store = api.initSwingStore(dir, options);
  await fillAsKernel(store);
  await store.hostStorage.commit();
  await store.hostStorage.close();
};
