import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { importSwingStore, initSwingStore, makeSwingStoreExporter } from '@agoric/swing-store';

const collect = async iterable => {
  const all = [];
  for await (const one of iterable) all.push(one);
  return all;
};

test('an export can be imported', async t => {
  // An exporter opens its own connection, so it needs a store in a file.
  const dir = await mkdtemp(join(tmpdir(), 'swing-store-example-'));
  t.teardown(() => rm(dir, { recursive: true }));

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
  t.is(data.get('kv.color'), 'blue');
  t.deepEqual(await collect(exporter.getArtifactNames()), ['snapshot.v1.1', 'transcript.v1.0.1', 'transcript.v1.1.2']);

  // Imports into memory; the second argument can be a directory. The import closes the exporter.
  const copy = await importSwingStore(exporter, null, { artifactMode: 'replay' });
  await hostStorage.close();
  await copy.hostStorage.commit();
  const { kvEntries, snapshots } = copy.debug.dump();
  t.deepEqual(kvEntries, { color: 'blue' });
  t.is(snapshots.v1[0].hash, hash);
});
