// Processes that are killed at random times during an export or an import leave a complete result or none, and the next
// process succeeds.
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import * as api from '../../index.mjs';
import { makeStore, manifestName, readFiles } from '../support/common/cosmic-directory.mjs';
import { makeKiller } from '../support/torture/kill-at-random.mjs';

const { exportSwingStoreToDirectory, importSwingStoreFromDirectory, isSwingStore } = api;
const program = fileURLToPath(new URL('../support/robustness/programs/export-or-import.mjs', import.meta.url));
const rounds = 20;

const killAtManyMoments = makeKiller(program, rounds);

const hidden = dir => (fs.existsSync(dir) ? fs.readdirSync(dir).filter(name => name.startsWith('.')) : []);

const macro = fn => async t => {
  t.timeout(300_000);
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-killed-'));
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }));
  const at = name => path.join(base, name);
  await makeStore(api, at('store'), {}, { items: 200, imageSize: 1_000_000 });
  await exportSwingStoreToDirectory(at('store'), at('export'), { artifactMode: 'archival' });
  await fn(t, at);
};

/** Adds an item to a span, so that an export has something to write that the previous one does not have. */
const addItem = async dir => {
  const { kernelStorage, hostStorage } = api.openSwingStore(dir);
  kernelStorage.transcriptStore.addItem('v1', 'one more');
  await hostStorage.commit();
  await hostStorage.close();
};

for (const [what, compress] of [
  ['export', false],
  ['compress', true],
  ['reuse', false],
]) {
  const title = `exports: ${what}`;
  const body = async (t, at) => {
    const options = { artifactMode: 'archival', compress };
    await addItem(at('store'));
    await exportSwingStoreToDirectory(at('store'), at('expected'), options);
    const expected = readFiles(at('expected'));
    const previous = readFiles(at('export'));
    let whole = 0;
    let leftovers = 0;
    await killAtManyMoments([what, at('store'), at('to'), at('export')], async () => {
      leftovers += hidden(at('to')).length;
      if (fs.existsSync(path.join(at('to'), manifestName))) {
        whole += 1;
        // A process killed after the last step has not removed its hidden directory; these are counted above.
        for (const name of hidden(at('to'))) fs.rmSync(path.join(at('to'), name), { recursive: true });
        const found = readFiles(at('to'));
        t.deepEqual(found, expected);
        fs.rmSync(at('to'), { recursive: true });
      }
      // Without a manifest, existing files do not obstruct the next export.
    });
    t.log({ whole, leftovers });
    // Some of the twenty moments are before the end. The first process is not killed.
    t.true(whole > 0 && leftovers > 0);
    await exportSwingStoreToDirectory(at('store'), at('to'), options);
    t.deepEqual(readFiles(at('to')), expected);
    // The files that were linked, and removed again, are still those of the previous export.
    t.deepEqual(readFiles(at('export')), previous);
  };
  test.serial(title, macro(body));
}

for (const [what, from] of [
  ['import', 'export'],
  ['safeImport', 'export'],
  ['importSwingStore', 'store'],
]) {
  test.serial(
    what,
    macro(async (t, at) => {
      const contents = async name => {
        const dir = at(name);
        await exportSwingStoreToDirectory(at('to'), dir, { artifactMode: 'archival' });
        const found = readFiles(dir);
        fs.rmSync(dir, { recursive: true });
        return found;
      };
      const counts = { whole: 0, none: 0, leftovers: 0 };
      let expected;
      await killAtManyMoments([what, at(from), at('to')], async said => {
        counts.leftovers += hidden(at('to')).length;
        if (isSwingStore(at('to'))) {
          counts.whole += 1;
          expected ||= await contents('found');
          t.deepEqual(await contents('found'), expected);
          // A process killed after its commit leaves the database's log, too.
          for (const end of ['', '-wal', '-shm'])
            fs.rmSync(path.join(at('to'), `swingstore.sqlite${end}`), { force: true });
        } else {
          counts.none += 1;
          t.false(said.includes('committed'));
        }
      });
      t.log(counts);
      t.true(counts.none > 0 && counts.whole > 0 && counts.leftovers > 0);
      // The next process removes their leftovers, even if it fails.
      const { hostStorage } = await importSwingStoreFromDirectory(at('export'), at('to'));
      t.is(hidden(at('to')).length, 1);
      await hostStorage.close();
      t.deepEqual(fs.readdirSync(at('to')), []);
    }),
  );
}

test.serial(
  'an import over a store that is there',
  macro(async (t, at) => {
    const old = api.initSwingStore(at('to'));
    old.kernelStorage.kvStore.set('old', 'yes');
    await old.hostStorage.commit();
    await old.hostStorage.close();
    const file = path.join(at('to'), 'swingstore.sqlite');
    const before = fs.readFileSync(file);
    const counts = { old: 0, new: 0 };
    await killAtManyMoments(['import', at('export'), at('to')], async () => {
      // At any moment, the store is the old or the new one.
      const { kernelStorage, hostStorage, debug } = api.openSwingStore(at('to'));
      const isOld = kernelStorage.kvStore.get('old') === 'yes';
      counts[isOld ? 'old' : 'new'] += 1;
      t.is(kernelStorage.kvStore.get('key.2'), isOld ? undefined : '22');
      t.is(debug.getDatabase().pragma('integrity_check', { simple: true }), 'ok');
      await hostStorage.close();
      fs.writeFileSync(file, before);
    });
    t.log(counts);
    t.true(counts.old > 0 && counts.new > 0);
  }),
);
