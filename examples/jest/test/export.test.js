import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { importSwingStore, initSwingStore, makeSwingStoreExporter } from '@agoric/swing-store';

const collect = async iterable => {
  const all = [];
  for await (const one of iterable) all.push(one);
  return all;
};

let dir;
afterEach(() => rm(dir, { recursive: true }));

test('an export can be imported', async () => {
  // An exporter opens its own connection, so it needs a store in a file.
  dir = await mkdtemp(join(tmpdir(), 'swing-store-example-'));
  const { kernelStorage, hostStorage } = initSwingStore(dir);
  kernelStorage.kvStore.set('color', 'blue');
  kernelStorage.transcriptStore.initTranscript('v1');
  kernelStorage.transcriptStore.addItem('v1', '{"d":["initialize-worker"]}');
  const { hash } = await kernelStorage.snapStore.saveSnapshot('v1', 1, [Buffer.from('a heap image')]);
  await kernelStorage.transcriptStore.rolloverSpan('v1');
  kernelStorage.transcriptStore.addItem('v1', '{"d":["load-snapshot"]}');
  await hostStorage.commit();

  const exporter = makeSwingStoreExporter(dir, { artifactMode: 'replay' });
  const data = new Map(await collect(exporter.getExportData()));
  expect(data.get('kv.color')).toBe('blue');
  expect(await collect(exporter.getArtifactNames())).toStrictEqual([
    'snapshot.v1.1',
    'transcript.v1.0.1',
    'transcript.v1.1.2',
  ]);

  // Imports into memory; the second argument can be a directory. The import closes the exporter.
  const copy = await importSwingStore(exporter, null, { artifactMode: 'replay' });
  await hostStorage.close();
  await copy.hostStorage.commit();
  const { kvEntries, snapshots } = copy.debug.dump();
  expect(kvEntries).toStrictEqual({ color: 'blue' });
  expect(snapshots.v1[0].hash).toBe(hash);
});
