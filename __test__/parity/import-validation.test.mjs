// Importing validates: spoiled exports of many kinds have the same result, with the same message, in both implementations.
import '@endo/init/debug.js';

import test from 'ava';
import { Buffer } from 'node:buffer';
import { reference, subject } from '../support/common/implementations.mjs';
import { makePlainExporter, readPlain } from '../support/common/plain-exporter.mjs';
import { checkProperty } from '../support/common/property.mjs';
import { suites } from '../support/parity/suites.mjs';
import { makeTempDir, removeDir } from '../support/common/world.mjs';

const run = (t, { examples, check }, runs) => checkProperty(t, examples, x => check([subject, reference], x), { runs });

test('spoiled exports', t => run(t, suites.import, 200));

test('repairing metadata', t => run(t, suites.repair, 80));

test('a surplus item before the next span', async t => {
  const { initSwingStore, makeSwingStoreExporter } = reference.api;
  const dir = makeTempDir();
  t.teardown(() => removeDir(dir));
  const { kernelStorage, hostStorage } = initSwingStore(dir);
  const { transcriptStore } = kernelStorage;
  transcriptStore.initTranscript('v1');
  // Long enough that the next span, if this one were not awaited, would be stored much earlier.
  for (let i = 0; i < 2000; i += 1) transcriptStore.addItem('v1', `${i} `.padEnd(3000, '-'));
  await transcriptStore.rolloverSpan('v1');
  transcriptStore.addItem('v1', 'next');
  await hostStorage.commit();
  await hostStorage.close();
  const { data, artifacts } = await readPlain(makeSwingStoreExporter(dir, { artifactMode: 'archival' }));
  const start = name => Number(name.split('.')[2]);
  artifacts.sort(([one], [other]) => start(one) - start(other));
  artifacts[0][1] = Buffer.concat([artifacts[0][1], Buffer.from('one too many')]);
  const message = 'artifact "transcript.v1.0.2000" is not complete';
  for (const { name, api } of [reference, subject]) {
    const { exporter: spoiled } = makePlainExporter({ data, artifacts });
    const imported = api.importSwingStore(spoiled, null, { artifactMode: 'archival' });
    await t.throwsAsync(imported, { message }, name);
  }
});
