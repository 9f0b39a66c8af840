// An option of our exporter: it can check at once whether its mode is possible.
import '@endo/init/debug.js';
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import * as reference from '@agoric/swing-store';
import * as ours from '../../index.mjs';
import { initSwingStore, makeSwingStoreExporter } from '../../index.mjs';

/** A store whose vat has lost the items of its first incarnation. */
const makePrunedStore = async t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-exporter-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  const { kernelStorage, hostStorage, debug } = initSwingStore(dir);
  const { transcriptStore } = kernelStorage;
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', 'one');
  await transcriptStore.rolloverIncarnation('v1');
  transcriptStore.addItem('v1', 'two');
  debug.getDatabase().prepare('DELETE FROM transcriptItems WHERE position = 0').run();
  await hostStorage.commit();
  await hostStorage.close();
  return dir;
};

/** The number of files below a directory that this process has open, if the system reports them. */
const openFiles = dir => {
  if (process.platform !== 'linux') return 0;
  const targets = fs.readdirSync('/proc/self/fd').map(fd => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // closed meanwhile
    }
  });
  return targets.filter(target => target.startsWith(fs.realpathSync(dir))).length;
};

const collect = async iterable => {
  const all = [];
  for await (const one of iterable) all.push(one);
  return all;
};

test('checkComplete: the call itself throws', async t => {
  const dir = await makePrunedStore(t);
  const message = 'incomplete archival transcript: 1 vs 2';
  for (let i = 0; i < 20; i += 1) {
    t.throws(() => makeSwingStoreExporter(dir, { artifactMode: 'archival', checkComplete: true }), { message });
  }
  // The exporter that was not handed out has left nothing open.
  t.is(openFiles(dir), 0);
});

test('checkComplete: a complete store', async t => {
  const dir = await makePrunedStore(t);
  for (const artifactMode of ['operational', 'replay', 'debug']) {
    const exporter = makeSwingStoreExporter(dir, { artifactMode, checkComplete: true });
    t.deepEqual(await collect(exporter.getArtifactNames()), ['transcript.v1.1.2']);
    await exporter.close();
  }
});

test('historyFrom must be a path or a URL', async t => {
  const dir = await makePrunedStore(t);
  for (const historyFrom of ['', 7, null, new URL('file:///history')]) {
    t.throws(() => makeSwingStoreExporter(dir, { historyFrom }), {
      code: 'ERR_SWING_STORE_ARGUMENT',
      message: 'historyFrom must be a string',
    });
  }
  t.is(openFiles(dir), 0);
});

test('without it, getArtifactNames throws, at its call', async t => {
  const dir = await makePrunedStore(t);
  const exporter = makeSwingStoreExporter(dir, { artifactMode: 'archival' });
  t.throws(() => exporter.getArtifactNames(), { message: 'incomplete archival transcript: 1 vs 2' });
  t.is((await collect(exporter.getExportData())).length, 2);
  await exporter.close();
});

test('completeness does not depend on the name of a vat', async t => {
  const attempt = call => {
    try {
      call();
      return 'complete';
    } catch (error) {
      return error.message;
    }
  };
  for (const pruned of ['', 'v1', '\u0000', 'v10', '\u{10ffff}']) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-exporter-'));
    t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
    const { kernelStorage, hostStorage, debug } = reference.initSwingStore(dir);
    const { transcriptStore } = kernelStorage;
    for (const vatID of new Set(['', 'v1', 'v10', pruned])) {
      transcriptStore.initTranscript(vatID);
      for (const item of ['one', 'two', 'three']) transcriptStore.addItem(vatID, item);
      await transcriptStore.rolloverSpan(vatID);
      transcriptStore.addItem(vatID, 'four');
    }
    debug.getDatabase().prepare('DELETE FROM transcriptItems WHERE vatID = ? AND position = 1').run(pruned);
    await hostStorage.commit();
    await hostStorage.close();
    for (const artifactMode of ['operational', 'replay', 'archival', 'debug']) {
      const [found, expected] = await Promise.all(
        [ours, reference].map(async api => {
          const exporter = api.makeSwingStoreExporter(dir, { artifactMode });
          const said = attempt(() => exporter.getArtifactNames());
          await exporter.close();
          return said;
        }),
      );
      t.is(found, expected, `${artifactMode}, ${JSON.stringify(pruned)}`);
      t.is(found === 'complete', ['operational', 'debug'].includes(artifactMode));
    }
  }
});
