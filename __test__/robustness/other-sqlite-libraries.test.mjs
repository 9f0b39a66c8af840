// Other SQLite libraries in the same process that have a store's file open: a second copy of this package, the reference,
// better-sqlite3. Each case has its own process.
import test from 'ava';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTempDir, removeDir } from '../support/common/world.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const posix = process.platform === 'win32' ? test.skip : test;

const base = makeTempDir();
test.after.always(() => removeDir(base));

/** A copy of the package, as in an installation. */
const copy = name => {
  const dir = path.join(base, name, 'node_modules', 'swing-store-native');
  fs.mkdirSync(dir, { recursive: true });
  for (const part of fs.readdirSync(root)) {
    if (/^(index\.(js|mjs)|js|package\.json)$/.test(part) || part.endsWith('.node')) {
      fs.cpSync(path.join(root, part), path.join(dir, part), { recursive: true });
    }
  }
  return dir;
};
const second = copy('second');
fs.symlinkSync(root, path.join(base, 'link'));

/** Runs a program with `ours` and `other`, both CommonJS, and an empty directory; returns its report. */
const run = (program, { other = second, flags = [] } = {}) => {
  const dir = fs.mkdtempSync(path.join(base, 'store-'));
  const source = `
    const fs = require('node:fs');
    const path = require('node:path');
    const { Worker } = require('node:worker_threads');
    const root = ${JSON.stringify(root)};
    const otherPath = ${JSON.stringify(other)};
    const dir = ${JSON.stringify(dir)};
    const file = path.join(dir, 'swingstore.sqlite');
    const nothing = () => {};
    const attempt = async act => {
      try {
        const made = await act();
        await (made?.hostStorage ?? made)?.close?.();
        return 'done';
      } catch (error) {
        return { code: error.code, message: error.message };
      }
    };
    const commit = async (store, value) => {
      store.hostStorage.kvStore.set('host.height', value);
      await store.hostStorage.commit();
    };
    (async () => {
      const ours = require(root);
      const other = require(otherPath);
      const report = await (async () => { ${program} })();
      console.log(JSON.stringify(report));
    })();`;
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', source], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw Error(stderr);
  return JSON.parse(stdout);
};

const REFUSED = 'ERR_SWING_STORE_OTHER_LIBRARY';

posix('two copies: the second one does not open what the first has open, and commits survive', t => {
  const report = run(`
    const store = ours.openSwingStore(dir);
    await commit(store, '1');
    const outcomes = {};
    const acts = {
      openSwingStore: () => other.openSwingStore(dir),
      readonly: () => other.openSwingStore(dir, { readonly: true }),
      file: () => other.openSwingStore(file, { asFile: true }),
      exporter: () => other.makeSwingStoreExporter(dir),
      database: () => new other.Database(file),
      reading: () => new other.Database(file, { readonly: true }),
      verify: () => other.verifySwingStore(dir),
      history: () => other.openSwingStoreHistory(dir),
      export: () => other.exportSwingStoreToDirectory(dir, path.join(dir, '..', 'export-' + process.pid)),
      prune: () => other.pruneSwingStore(dir, { keep: 'operational' }),
      reclaim: () => other.reclaimSwingStoreSpace(dir, { method: 'rewrite' }),
      diff: () => other.diffSwingStores(dir, dir),
    };
    for (const [name, act] of Object.entries(acts)) {
      outcomes[name] = await attempt(act);
      await commit(store, name);
    }
    outcomes.init = await attempt(() => other.initSwingStore(dir));
    await commit(store, 'the last');
    // As after a killed process.
    const left = path.join(dir, 'left');
    fs.mkdirSync(left);
    for (const name of fs.readdirSync(dir).filter(found => /sqlite(-wal)?$/.test(found))) {
      fs.copyFileSync(path.join(dir, name), path.join(left, name));
    }
    const found = ours.makeSwingStoreExporter(left).getHostKV('host.height');
    await store.hostStorage.close();
    return { outcomes, found, later: await attempt(() => other.openSwingStore(dir)) };`);
  const { init, ...others } = report.outcomes;
  t.is(init.code, 'ERR_SWING_STORE_IN_USE');
  for (const [name, { code, message }] of Object.entries(others)) {
    t.is(code, REFUSED, name);
    t.regex(message, /another SQLite library of this process has .* open.*"npm ls swing-store-native.*overrides/, name);
    if (process.platform === 'linux') {
      for (const dir of [root, second])
        t.true(message.includes(path.join(dir, 'swing-store-native.')), `${name}: ${message}`);
    }
  }
  t.is(report.found, 'the last');
  t.is(report.later, 'done');
});

posix('two copies, in whichever order and thread', t => {
  const report = run(`
    const inWorker = (from, work) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(
          'const { workerData: { from, dir }, parentPort } = require("node:worker_threads"); const api = require(from);' +
            'let outcome = "done"; try { ' + work + ' } catch (error) { outcome = error.code; } parentPort.postMessage(outcome);',
          { eval: true, workerData: { from, dir } },
        );
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    const exporting = 'api.makeSwingStoreExporter(dir).close()';
    const store = other.openSwingStore(dir);
    await commit(store, '1');
    const outcomes = {
      first: (await attempt(() => ours.openSwingStore(dir))).code,
      worker: await inWorker(root, exporting),
      same: await inWorker(otherPath, exporting),
    };
    await store.hostStorage.close();
    outcomes.after = await inWorker(root, exporting);
    return outcomes;`);
  t.deepEqual(report, { first: REFUSED, worker: REFUSED, same: 'done', after: 'done' });
});

posix('two copies that have different stores, and one copy by several ways', t => {
  t.is(
    run(`
      const store = ours.openSwingStore(dir);
      const outcome = await attempt(() => other.openSwingStore(path.join(dir, 'another')));
      await store.hostStorage.close();
      return outcome;`),
    'done',
  );
  const linked = {
    other: path.join(base, 'link', 'index.js'),
    flags: ['--preserve-symlinks', '--preserve-symlinks-main'],
  };
  t.deepEqual(
    run(
      `
      const { pathToFileURL } = require('node:url');
      const store = ours.openSwingStore(dir);
      await commit(store, '1');
      const module = await import(pathToFileURL(path.join(root, 'index.mjs')).href);
      for (const key of Object.keys(require.cache)) delete require.cache[key];
      const again = require(root);
      const outcomes = [];
      for (const api of [other, module, again]) {
        outcomes.push(api.openSwingStore === ours.openSwingStore);
        outcomes.push(await attempt(() => api.makeSwingStoreExporter(dir)), await attempt(() => api.openSwingStore(dir)));
        await commit(store, '2');
      }
      await store.hostStorage.close();
      return outcomes;`,
      linked,
    ),
    [false, 'done', 'done', true, 'done', 'done', false, 'done', 'done'],
  );
});

posix('better-sqlite3, and the reference', t => {
  const outcomes = run(
    `
    const made = ours.openSwingStore(dir);
    await commit(made, '1');
    await made.hostStorage.close();
    const outcomes = {};
    for (const options of [{}, { readonly: true }]) {
      const db = new other(file, options);
      db.prepare('SELECT count(*) FROM kvStore').get();
      outcomes['better-sqlite3 ' + JSON.stringify(options)] = [
        (await attempt(() => ours.openSwingStore(dir))).code,
        (await attempt(() => ours.verifySwingStore(dir))).code,
      ];
      db.close();
      outcomes.closed = await attempt(() => ours.openSwingStore(dir));
    }
    await import('@endo/init/debug.js');
    const reference = await import('@agoric/swing-store');
    const { hostStorage } = reference.openSwingStore(dir);
    outcomes.reference = (await attempt(() => ours.makeSwingStoreExporter(dir))).code;
    await hostStorage.close();
    // A process that reads the file, to copy it, does not count as a library.
    const reader = fs.openSync(file, 'r');
    outcomes.reader = await attempt(() => ours.openSwingStore(dir));
    fs.closeSync(reader);
    return outcomes;`,
    { other: 'better-sqlite3' },
  );
  t.deepEqual(outcomes, {
    'better-sqlite3 {}': [REFUSED, REFUSED],
    'better-sqlite3 {"readonly":true}': [REFUSED, REFUSED],
    closed: 'done',
    reference: REFUSED,
    reader: 'done',
  });
});

posix('a file that SQL attaches is no other library', t => {
  t.deepEqual(
    run(`
      const store = ours.openSwingStore(dir);
      await commit(store, '1');
      const outcomes = [];
      for (const attach of [
        db => db.exec("ATTACH '" + file + "' AS other"),
        db => db.prepare('/* it */ attach ? AS other').run(file),
      ]) {
        const db = new ours.Database();
        attach(db);
        outcomes.push(db.prepare('SELECT value FROM other.kvStore').pluck().get(), await attempt(() => ours.openSwingStore(dir)));
        db.close();
        outcomes.push(await attempt(() => ours.makeSwingStoreExporter(dir)));
      }
      await store.hostStorage.close();
      return outcomes;`),
    ['1', 'done', 'done', '1', 'done', 'done'],
  );
});
