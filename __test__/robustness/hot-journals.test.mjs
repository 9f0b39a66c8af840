// Readers see only commits: stores with the journal of an unfinished transaction, or with a log, as a kill leaves them. SQLite
// itself (better-sqlite3 on a copy) gives the expected contents.
import '@endo/init/debug.js';

import test from 'ava';
import sqlite3 from 'better-sqlite3';
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { makeStore } from '../support/common/cosmic-directory.mjs';
import { subject } from '../support/common/implementations.mjs';
import { runJson } from '../support/common/cli.mjs';
import { leaveUnfinished, nameSuperJournal, NEVER } from '../support/robustness/hot-journals.mjs';

const { api } = subject;
const base = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-unfinished-'));
test.after.always(() => fs.rmSync(base, { recursive: true, force: true }));

const at = name => path.join(base, name);
const fileIn = dir => path.join(dir, 'swingstore.sqlite');
const SUFFIXES = ['', '-journal', '-wal'];

/** Makes a closed store, an export of it, and a copy of an open store with a commit in its log. Hooks of ava run concurrently. */
test.before(async () => {
  await makeStore(api, at('closed'));
  fs.cpSync(at('closed'), at('open'), { recursive: true });
  const { kernelStorage, hostStorage } = api.openSwingStore(at('open'));
  hostStorage.kvStore.set('host.height', '43');
  kernelStorage.kvStore.set('key.43', 'in the log');
  await hostStorage.commit();
  fs.cpSync(at('open'), at('logged'), { recursive: true });
  await hostStorage.close();
  fs.rmSync(`${fileIn(at('logged'))}-shm`);
  await api.exportSwingStoreToDirectory(at('closed'), at('closed export'), { artifactMode: 'debug' });
});

const readBytes = file => (fs.existsSync(file) ? fs.readFileSync(file) : undefined);
const unfinished = file => leaveUnfinished(fileIn(at('closed')), file);
const logged = file => {
  for (const suffix of ['', '-wal']) fs.copyFileSync(`${fileIn(at('logged'))}${suffix}`, `${file}${suffix}`);
};
/** Changes some bytes of a file. */
const change = (file, position, bytes) => {
  const contents = fs.readFileSync(file);
  Buffer.from(bytes).copy(contents, position);
  fs.writeFileSync(file, contents);
};

/** How to make each store, and the block height that was committed. */
const cases = {
  'a journal to be rolled back': { make: unfinished, height: '42' },
  'a journal of no length': {
    make: file => {
      unfinished(file);
      fs.truncateSync(`${file}-journal`);
    },
    height: NEVER,
  },
  'a journal whose header is cleared': {
    make: file => {
      unfinished(file);
      change(`${file}-journal`, 0, Buffer.alloc(28));
    },
    height: NEVER,
  },
  'a journal that was cut off in its header': {
    make: file => {
      fs.copyFileSync(fileIn(at('closed')), file);
      fs.writeFileSync(`${file}-journal`, Buffer.from('d9d505f920a163d7', 'hex'));
    },
    height: '42',
  },
  'a journal of several files, whose common one is there': {
    make: file => {
      unfinished(file);
      fs.writeFileSync(`${file}-mj0123459AB`, `${file}-journal\0`);
      nameSuperJournal(`${file}-journal`, `${file}-mj0123459AB`);
    },
    height: '42',
  },
  'a journal of several files, whose common one is gone': {
    make: file => {
      unfinished(file);
      nameSuperJournal(`${file}-journal`, `${file}-mj0123459AB`);
    },
    height: NEVER,
  },
  'a log': { make: logged, height: '43' },
  'the file without its log': {
    make: file => {
      logged(file);
      fs.rmSync(`${file}-wal`);
    },
    height: '42',
  },
  'a log that was cut off': {
    make: file => {
      logged(file);
      fs.truncateSync(`${file}-wal`, fs.statSync(`${file}-wal`).size - 1);
    },
    height: '42',
  },
  'a log of other salts': {
    make: file => {
      logged(file);
      change(`${file}-wal`, 16, 'salt');
    },
    height: '42',
  },
  'a log of no length': {
    make: file => {
      logged(file);
      fs.truncateSync(`${file}-wal`);
    },
    height: '42',
  },
  'a journal and a log': {
    make: file => {
      unfinished(file);
      fs.copyFileSync(`${fileIn(at('logged'))}-wal`, `${file}-wal`);
    },
  },
  'a journal beside a link': {
    make: file => {
      const target = `${file}-target`;
      unfinished(target);
      fs.symlinkSync(target, file);
    },
    height: '42',
  },
};

/** The contents according to SQLite, which opens the file for writing, as any program would. */
const readPlainly = file => {
  const db = sqlite3(file);
  try {
    const all = table => db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all();
    return { kv: all('kvStore'), items: all('transcriptItems').length, bundles: all('bundles').length };
  } finally {
    db.close();
  }
};

/** The contents according to our functions; each gets its own files. */
const readers = {
  exporter: async dir => {
    const exporter = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
    const height = exporter.getHostKV('host.height');
    await exporter.close();
    return height;
  },
  export: async dir => {
    const options = { artifactMode: 'debug' };
    const { blockHeight } = await api.exportSwingStoreToDirectory(dir, `${dir}-export`, options);
    return `${blockHeight}`;
  },
  verify: async dir => {
    const { findings } = await api.verifySwingStore(dir, { artifactMode: 'debug' });
    const errors = findings.filter(({ severity }) => severity === 'error');
    return errors.length ? NEVER : undefined;
  },
  history: async dir => {
    const history = api.openSwingStoreHistory(dir);
    try {
      let count = 0;
      for await (const item of history.readIncarnation('v1', 0)) if (item) count += 1;
      return count ? undefined : NEVER;
    } catch {
      return NEVER;
    } finally {
      await history.close();
    }
  },
  inspect: async dir => `${(await runJson(['inspect', '--state-dir', dir])).blockHeight}`,
  'open to read': async dir => {
    let store;
    try {
      store = api.openSwingStore(dir, { readonly: true });
    } catch (error) {
      // SQLite refuses, because it may not write.
      return /^SQLITE_(READONLY_ROLLBACK|CANTOPEN)$/.test(error.code) ? undefined : `${error.code}`;
    }
    const height = store.hostStorage.kvStore.get('host.height');
    await store.hostStorage.close();
    return height;
  },
  open: async dir => {
    const { hostStorage } = api.openSwingStore(dir);
    const height = hostStorage.kvStore.get('host.height');
    await hostStorage.close();
    return height;
  },
};

for (const [name, { make, height }] of Object.entries(cases)) {
  test(name, async t => {
    const dirs = Object.fromEntries(['plain', ...Object.keys(readers)].map(work => [work, at(`${name}-${work}`)]));
    for (const dir of Object.values(dirs)) {
      fs.mkdirSync(dir);
      make(fileIn(dir));
    }
    const { kv, items, bundles } = readPlainly(fileIn(dirs.plain));
    const committed = kv.find(({ key }) => key === 'host.height').value;
    if (height) t.is(committed, height, 'SQLite itself');
    for (const [work, read] of Object.entries(readers)) {
      // Each in its own process.
      if (work === 'inspect' && !name.startsWith('a journal of several')) continue;
      const found = await read(dirs[work]);
      // Some report only that the store is damaged.
      if (found !== undefined || committed !== NEVER) t.is(found ?? committed, committed, work);
      // Now, or at the next write.
      t.deepEqual(readPlainly(fileIn(dirs[work])), { kv, items, bundles }, `${work}: what it left`);
    }
  });
}

test('reading a store with a log does not change it', async t => {
  const dir = at('left alone');
  fs.mkdirSync(dir);
  logged(fileIn(dir));
  const before = SUFFIXES.map(suffix => readBytes(`${fileIn(dir)}${suffix}`));
  await api.verifySwingStore(dir);
  t.deepEqual(
    SUFFIXES.map(suffix => readBytes(`${fileIn(dir)}${suffix}`)),
    before,
  );
});

// SQLite would replay the old store's log over the new store, because the checksums in a log do not depend on the database file.
for (const [kind, work] of Object.entries({
  importSwingStore: dir =>
    api.importSwingStore(api.makeSwingStoreExporter(at('closed'), { artifactMode: 'debug' }), dir, {
      artifactMode: 'debug',
    }),
  importSwingStoreFromDirectory: dir => api.importSwingStoreFromDirectory(at('closed export'), dir),
})) {
  test(`${kind}: a log that can't be read does not reach the new store`, async t => {
    const place = at(`${kind} place`);
    fs.mkdirSync(place);
    logged(fileIn(place));
    // SQLite can't create its index of the log, so it can neither read nor remove the log.
    fs.mkdirSync(`${fileIn(place)}-shm`);
    const { hostStorage } = await work(place);
    hostStorage.kvStore.set('host.height', '7');
    await hostStorage.commit();
    await hostStorage.close();
    t.deepEqual(fs.readdirSync(place), ['swingstore.sqlite']);
    const again = api.openSwingStore(place);
    t.is(again.hostStorage.kvStore.get('host.height'), '7');
    t.is(again.kernelStorage.kvStore.get('key.43'), undefined);
    await again.hostStorage.close();
  });
}
