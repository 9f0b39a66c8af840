// Two processes with one file. A second writer waits, fails after the timeout with SQLite's message, and can continue once the
// first has committed. Readers never fail, and writers never wait for them.
import '@endo/init/debug.js';

import test from 'ava';
import path from 'node:path';

import * as api from '../../index.mjs';
import { makeHolder } from '../support/common/calls/kernel-process.mjs';
import { prepare } from '../support/common/calls/valid-calls.mjs';
import { inTempDir } from '../support/common/world.mjs';

/** The time that a connection waits for another's lock, in milliseconds. */
const TIMEOUT = 5000;

/** The message of SQLite and of the reference after that time. */
const locked = { name: 'SqliteError', message: 'database is locked', code: 'SQLITE_BUSY' };

const withStore = use =>
  inTempDir(async base => {
    const dir = path.join(base, 'store');
    const store = api.initSwingStore(dir, { keepSnapshots: true });
    await prepare(store);
    await store.hostStorage.close();
    return use(dir, base);
  });

for (const [first, second] of [
  ['ours', 'ours'],
  ['ours', 'reference'],
  ['reference', 'ours'],
]) {
  test(`${first} writes, ${second} wants to`, t =>
    withStore(async dir => {
      const writer = await makeHolder(first, dir);
      const other = await makeHolder(second, dir);
      await writer.tell('write');
      const { waited, ...refusal } = await other.tell('tryToWrite');
      t.deepEqual(refusal, locked);
      t.true(waited > TIMEOUT * 0.8 && waited < TIMEOUT * 6, `it waited for ${waited} ms`);

      await writer.tell('commit');
      const { message } = await other.tell('tryToWrite');
      t.is(message, undefined);
      await other.tell('commit');
      t.is(await writer.tell('get'), 'tried');
      // The same with exchanged roles.
      await writer.tell('write');
      await writer.tell('commit');
      await other.close();
      await writer.close();
      const { ok, findings } = await api.verifySwingStore(dir, { artifactMode: 'debug' });
      t.true(ok, JSON.stringify(findings));
    }));
}

for (const name of ['ours', 'reference']) {
  test.serial(`readers continue while ${name} writes, and see the last commit`, t =>
    withStore(async (dir, base) => {
      const writer = await makeHolder(name, dir);
      // Opening a store takes the lock briefly, to create missing tables.
      const reader = api.openSwingStore(dir);
      await writer.tell('write');
      const begun = performance.now();
      const exporter = api.makeSwingStoreExporter(dir);
      const history = api.openSwingStoreHistory(dir);
      t.is((await history.getVat('v1')).endPos, 5);
      const { ok } = await api.verifySwingStore(dir);
      t.true(ok);
      await api.exportSwingStoreToDirectory(dir, path.join(base, 'export'));
      t.is(reader.kernelStorage.kvStore.get('block'), undefined);
      t.deepEqual([...reader.kernelStorage.transcriptStore.readSpan('v1')], ['three', 'four', 'five']);
      t.true(performance.now() - begun < TIMEOUT, 'nobody has waited for the lock');

      await writer.tell('commit');
      t.is(reader.kernelStorage.kvStore.get('block'), '1');
      t.deepEqual([...reader.kernelStorage.transcriptStore.readSpan('v1')].at(-1), 'block 1');
      // They see the state at which they began.
      const keys = [];
      for await (const [key] of exporter.getExportData()) keys.push(key);
      t.false(keys.includes('kv.block'));
      t.is((await history.getVat('v1')).endPos, 5);

      // The writer continues while they read.
      const blocks = writer.tell('blocks');
      let busy = true;
      blocks.then(() => (busy = false));
      let reads = 0;
      do {
        const items = [];
        for await (const { item } of history.readItems('v1')) items.push(item);
        t.is(items.length, 5);
        for await (const _ of exporter.getArtifact('snapshot.v1.2'));
        reads += 1;
      } while (busy);
      await blocks;
      t.is(reader.kernelStorage.kvStore.get('block'), '51');
      t.log(`${reads} reads beside 50 commits`);

      await exporter.close();
      await history.close();
      await reader.hostStorage.close();
      await writer.close();
    }),
  );

  test(`${name} can't open a store while another process writes, and can afterwards`, t =>
    withStore(async dir => {
      const [writer, other] = [await makeHolder('ours', dir), await makeHolder(name, dir)];
      await writer.tell('write');
      const { waited, ...refusal } = await other.tell('tryToOpen');
      t.deepEqual(refusal, locked);
      t.true(waited > TIMEOUT * 0.8, `it waited for ${waited} ms`);
      await writer.tell('commit');
      t.is((await other.tell('tryToOpen')).message, undefined);
      await other.close();
      await writer.close();
    }));

  test.serial(`killing ${name} discards its uncommitted changes and releases its lock`, t =>
    withStore(async dir => {
      const writer = await makeHolder(name, dir);
      const { kernelStorage, hostStorage } = api.openSwingStore(dir);
      await writer.tell('write');
      writer.kill();
      kernelStorage.kvStore.set('a', 'after');
      await hostStorage.commit();
      t.is(kernelStorage.kvStore.get('block'), undefined);
      await hostStorage.close();
      t.true((await api.verifySwingStore(dir)).ok);
    }),
  );
}
