// Replacing or erasing a store is refused while it is open anywhere.
import '@endo/init/debug.js';

import test from 'ava';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as api from '../../index.mjs';
import { runCli, runJson } from '../support/common/cli.mjs';
import { fillStore } from '../support/common/cosmic-directory.mjs';
import { inTempDir } from '../support/common/world.mjs';

const holder = fileURLToPath(new URL('../support/robustness/programs/hold-open.mjs', import.meta.url));
const IN_USE = { code: 'ERR_SWING_STORE_IN_USE' };

/** Calls a function while another process has the store open; then that process writes and closes it. */
const whileHeld = async (implementation, how, dir, act) => {
  const child = fork(holder, [implementation, how, dir], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  try {
    await once(child, 'message');
    await act(child.pid);
    child.send('end');
    const [code] = await once(child, 'exit');
    if (code !== 0) throw Error(`the other process failed: ${code}`);
  } finally {
    child.kill('SIGKILL');
  }
};

const makeStore = async (dir, height) => {
  const store = api.openSwingStore(dir);
  await fillStore(store);
  store.hostStorage.kvStore.set('host.height', `${height}`);
  await store.hostStorage.commit();
  await store.hostStorage.close();
};

const read = (dir, key = 'host.height') => {
  const exporter = api.makeSwingStoreExporter(dir);
  const value = exporter.getHostKV(key);
  exporter.close();
  return value;
};

/** Makes a store, and an export of an earlier block. */
const inPlaces = use =>
  inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeStore(at('exported'), 10);
    await api.exportSwingStoreToDirectory(at('exported'), at('export'));
    await makeStore(at('store'), 20);
    await use(at);
  });

/** All jobs that would replace the store, and must fail. */
const refusals = async (t, at, what) => {
  const store = at('store');
  const inode = fs.statSync(path.join(store, 'swingstore.sqlite')).ino;
  t.throws(() => api.initSwingStore(store), IN_USE, what);
  t.throws(() => api.initSwingStore(path.join(store, 'swingstore.sqlite'), { asFile: true }), IN_USE, what);
  await t.throwsAsync(api.importSwingStoreFromDirectory(at('export'), store), IN_USE, what);
  const importing = async () => {
    const { hostStorage } = await api.importSwingStore(api.makeSwingStoreExporter(at('exported')), store);
    try {
      await hostStorage.commit();
    } finally {
      await hostStorage.close();
    }
  };
  await t.throwsAsync(importing, IN_USE, what);
  const { code, stderr } = await runCli(['import', '--state-dir', store, '--export-dir', at('export'), '--force']);
  t.is(code, 3, what);
  t.regex(stderr, /^error: the store is in use: .* has .*swingstore\.sqlite open.* Close the store/, what);
  t.is(fs.statSync(path.join(store, 'swingstore.sqlite')).ino, inode, what);
  // The attempts leave nothing.
  t.deepEqual(
    fs.readdirSync(store).filter(name => !name.startsWith('swingstore.sqlite')),
    [],
    what,
  );
  return stderr;
};

for (const implementation of ['ours', 'reference']) {
  for (const how of ['store', 'fast', 'readonly', 'exporter', ...(implementation === 'ours' ? ['history'] : [])]) {
    test(`another process has it: ${implementation}, ${how}`, async t => {
      await inPlaces(async at => {
        await whileHeld(implementation, how, at('store'), async pid => {
          const stderr = await refusals(t, at, how);
          if (fs.existsSync('/proc')) t.true(stderr.includes(`process ${pid} (`), stderr);
        });
        t.is(read(at('store')), '20');
        if (how === 'store' || how === 'fast') t.is(read(at('store'), 'host.holder'), implementation);
        // No process has it open now.
        const { hostStorage } = await api.importSwingStoreFromDirectory(at('export'), at('store'));
        await hostStorage.commit();
        await hostStorage.close();
      });
    });
  }
}

test('open in this process', async t => {
  await inPlaces(async at => {
    for (const open of [
      () => api.openSwingStore(at('store')).hostStorage,
      () => api.openSwingStore(at('store'), { readonly: true }).hostStorage,
      () => api.openSwingStore(at('store'), { unsafeFastMode: true }).hostStorage,
      () => api.makeSwingStoreExporter(at('store')),
      () => api.openSwingStoreHistory(at('store')),
      () => new api.Database(path.join(at('store'), 'swingstore.sqlite')),
    ]) {
      const held = await open();
      await refusals(t, at, `${open}`);
      await held.close();
    }
    t.is(read(at('store')), '20');
    // A report does not replace a store in use, either.
    const { hostStorage } = api.openSwingStore(at('store'));
    const file = path.join(at('store'), 'swingstore.sqlite');
    const { code, stderr } = await runCli(['inspect', '--state-dir', at('exported'), '--html', file, '--force']);
    t.is(code, 3);
    t.regex(stderr, /^error: the store is in use: /);
    await hostStorage.close();
    t.is(read(at('store')), '20');
  });
});

test('an import whose commit is refused can be committed once the store is closed', async t => {
  await inPlaces(async at => {
    const old = api.openSwingStore(at('store'));
    const { hostStorage } = await api.importSwingStore(api.makeSwingStoreExporter(at('exported')), at('store'));
    hostStorage.kvStore.set('host.height', '10');
    await t.throwsAsync(hostStorage.commit(), IN_USE);
    old.hostStorage.kvStore.set('host.height', '21');
    await old.hostStorage.commit();
    t.is(read(at('store')), '21');
    await old.hostStorage.close();
    await hostStorage.commit();
    await hostStorage.close();
    t.is(read(at('store')), '10');
    // An export of the store itself may replace it, because the exporter is closed first.
    const again = await api.importSwingStore(api.makeSwingStoreExporter(at('store')), at('store'));
    again.hostStorage.kvStore.set('host.height', '11');
    await again.hostStorage.commit();
    await again.hostStorage.close();
    t.is(read(at('store')), '11');
  });
});

test('an import names what it replaces, and an older height needs --force', async t => {
  await inPlaces(async at => {
    const args = ['import', '--state-dir', at('store'), '--export-dir', at('export')];
    const refused = await runCli(args);
    t.is(refused.code, 3);
    t.regex(refused.stderr, /is at block 20, the export at block 10.* add --force/);
    t.is(read(at('store')), '20');
    const forced = await runJson([...args, '--force']);
    t.is(forced.code, 0);
    t.is(forced.replaced.blockHeight, 20);
    t.true(forced.replaced.fileBytes > 0);
    const again = await runCli(args);
    t.is(again.code, 0, again.stderr);
    t.regex(again.stdout, /^Replaced a store of block 10, .*\nImported block 10 /);
    // A damaged store may be replaced.
    fs.writeFileSync(path.join(at('store'), 'swingstore.sqlite'), 'no database'.repeat(100));
    const mended = await runCli(args);
    t.is(mended.code, 0, mended.stderr);
    t.regex(mended.stdout, /^Replaced a store of an unknown block, /);
    // Without a store, nothing is replaced.
    fs.mkdirSync(at('new'));
    const { replaced } = await runJson(['import', '--state-dir', at('new'), '--export-dir', at('export')]);
    t.is(replaced, undefined);
  });
});
