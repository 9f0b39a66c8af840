// Pruning, repopulating and compacting a store while a kernel in another process commits blocks: none fails, and the kernel
// waits only briefly.
import '@endo/init/debug.js';

import test from 'ava';

import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import * as api from '../../index.mjs';
import { offer, readArtifacts } from '../support/tools/artifacts.mjs';
import { makeStore } from '../support/common/cosmic-directory.mjs';

const {
  compactSwingStore,
  expandSwingStore,
  exportSwingStoreToDirectory,
  openSwingStore,
  pruneSwingStore,
  repopulateSwingStore,
  repopulateSwingStoreFromDirectory,
} = api;
const kernel = fileURLToPath(new URL('../support/tools/programs/commit-blocks.mjs', import.meta.url));

/** A kernel's busy timeout in SQLite is 5000 ms. */
const LONGEST_WAIT = 2000;

const inDir = async (t, use) => {
  // On a disk, so that syncs take time.
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-beside-'));
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }));
  const at = name => path.join(base, name);
  await makeStore(api, at('store'), {}, { items: 2000, imageSize: 500_000 });
  await exportSwingStoreToDirectory(at('store'), at('full'), { artifactMode: 'debug' });
  await use(at);
};

for (const [which, idle] of [
  ['reference', 3],
  ['subject', 3],
  // The pause between two blocks is about as long as a block.
  ['subject', 30],
]) {
  test.serial(`${which} as a kernel, ${idle} ms between blocks`, async t => {
    await inDir(t, async at => {
      const child = fork(kernel, [which, at('store'), `${idle}`]);
      const said = [];
      child.on('message', message => said.push(message));
      const closed = once(child, 'close');
      while (said.length === 0 && child.exitCode === null) await setTimeout(5);

      const artifacts = [...readArtifacts(at('full'))];
      const end = performance.now() + 1500;
      const sums = { rounds: 0, transactions: 0, longest: 0, waited: 0 };
      const add = ({ transactions, longest, waited }) => {
        sums.transactions += transactions;
        sums.longest = Math.max(sums.longest, longest);
        sums.waited += waited;
      };
      do {
        const { done, locking } = await pruneSwingStore(at('store'), { keep: 'operational' });
        t.true(done);
        add(locking);
        const fill =
          sums.rounds % 2
            ? repopulateSwingStore(offer(artifacts), at('store'), { artifactMode: 'debug' })
            : repopulateSwingStoreFromDirectory(at('full'), at('store'), { artifactMode: 'debug' });
        const { missing, refused, locking: filling } = await fill;
        // Old snapshots of the kernel are not among the artifacts.
        t.deepEqual(
          missing.filter(name => !name.includes('.v777.')),
          [],
        );
        t.deepEqual(refused, []);
        add(filling);
        const compacted = await compactSwingStore(at('store'));
        t.like(compacted, { damagedCount: 0, done: true });
        t.true(compacted.items > 0);
        add(compacted.locking);
        if (sums.rounds % 2) add((await expandSwingStore(at('store'))).locking);
        sums.rounds += 1;
      } while (performance.now() < end);

      child.send('stop');
      t.deepEqual(await closed, [0, null]);
      const { blocks, wait, commit } = said.at(-1);
      t.log({ blocks, wait, commit }, sums);
      t.true(blocks > 10);
      t.true(wait < LONGEST_WAIT, `the kernel waited ${wait} ms`);

      const { hostStorage, debug } = openSwingStore(at('store'));
      t.is(debug.getDatabase().pragma('integrity_check', { simple: true }), 'ok');
      await hostStorage.close();
      await exportSwingStoreToDirectory(at('store'), at('now'), { artifactMode: 'debug' });
      const now = new Map(readArtifacts(at('now')));
      for (const [name, contents] of artifacts) t.deepEqual(now.get(name), contents, name);
    });
  });
}

test.serial('a store that is open in the same process', async t => {
  await inDir(t, async at => {
    const { kernelStorage, hostStorage } = openSwingStore(at('store'));
    const { kvStore, transcriptStore } = kernelStorage;
    kvStore.set('key', 'not committed yet');
    let isPruned = false;
    const pruning = pruneSwingStore(at('store'), { keep: 'operational' }).then(report => {
      isPruned = true;
      return report;
    });
    await setTimeout(300);
    t.false(isPruned, 'it waits for the transaction');
    transcriptStore.addItem('v1', 'meanwhile');
    await hostStorage.commit();
    const { locking } = await pruning;
    t.true(locking.waited >= 250);
    t.is(kvStore.get('key'), 'not committed yet');
    t.throws(() => [...transcriptStore.readSpan('v1', 0)], { message: /read 0 transcript entries/ });
    t.deepEqual([...transcriptStore.readSpan('v1')], ['the last', 'meanwhile']);

    // An abort ends the waiting.
    kvStore.set('key', 'again');
    const signal = AbortSignal.timeout(100);
    const repopulating = repopulateSwingStore(offer(readArtifacts(at('full'))), at('store'), { signal });
    await t.throwsAsync(repopulating, { name: 'TimeoutError', any: true });
    await hostStorage.commit();
    await repopulateSwingStore(offer(readArtifacts(at('full'))), at('store'));
    t.is([...transcriptStore.readSpan('v1', 0)].length, 2000);
    await hostStorage.close();
  });
});

test.serial('a store in the unsafe fast mode is refused', async t => {
  await inDir(t, async at => {
    const { kernelStorage, hostStorage } = openSwingStore(at('store'), { unsafeFastMode: true });
    kernelStorage.kvStore.set('key', 'value');
    const options = { keep: 'operational' };
    await t.throwsAsync(pruneSwingStore(at('store'), options), { code: 'ERR_SWING_STORE_IN_USE' });
    await hostStorage.commit();
    await hostStorage.close();
    t.true((await pruneSwingStore(at('store'), options)).done);
  });
});
