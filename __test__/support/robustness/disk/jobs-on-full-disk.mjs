// Runs jobs on a full disk, with slightly more free space each time: `jobs-on-full-disk.mjs DIR STEPS`. Prints the outcomes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import process from 'node:process';
import tmp from 'tmp';

import * as api from '../../../../index.mjs';
import { fillStore, makeStore } from '../../common/cosmic-directory.mjs';
import { makePlainExporter, readPlain } from '../../common/plain-exporter.mjs';
import { makeBallast } from './free-space.mjs';

const [dir, steps] = process.argv.slice(2);
const at = name => path.join(dir, name);
const { leaveRoom, makeRoom } = makeBallast(dir);

const remove = name => fs.rmSync(at(name), { recursive: true, force: true });
const copy = (from, to) => {
  remove(to);
  fs.cpSync(at(from), at(to), { recursive: true });
};
const names = name => (fs.existsSync(at(name)) ? fs.readdirSync(at(name)).sort() : []);
const hidden = name => names(name).filter(file => file.startsWith('.'));
const records = async name => {
  const exporter = api.makeSwingStoreExporter(at(name), { artifactMode: 'debug' });
  const { data, artifacts } = await readPlain(exporter);
  artifacts.sort(([a], [b]) => (a < b ? -1 : 1));
  return { data, artifacts };
};
const sound = async name => {
  const { findings } = await api.verifySwingStore(at(name), { artifactMode: 'debug' });
  assert.deepEqual(
    findings.filter(({ severity }) => severity === 'error'),
    [],
    name,
  );
};

/** How many exports of pruned history have failed after they had fetched files. */
let failedLater = 0;

/** The jobs, each with preparations (`before`), and checks (`after`) for both success and failure. */
const works = {
  kernel: {
    before() {
      remove('kernel');
      fs.rmSync(at('archive'), { recursive: true, force: true });
      fs.mkdirSync(at('archive'));
    },
    async work() {
      const store = api.openSwingStore(at('kernel'), {
        keepSnapshots: true,
        archiveSnapshot: api.makeArchiveSnapshot(at('archive'), api.nativeArchivePowers ?? { fs, path, tmp }),
        archiveTranscript: api.makeArchiveTranscript(at('archive'), api.nativeArchivePowers ?? { fs, path, tmp }),
      });
      try {
        await fillStore(store);
        await store.hostStorage.commit();
      } finally {
        await store.hostStorage.close();
      }
    },
    async after(done) {
      if (!names('kernel').includes('swingstore.sqlite')) return assert.ok(!done);
      const store = api.openSwingStore(at('kernel'));
      assert.equal(store.hostStorage.kvStore.get('host.height'), done ? '42' : undefined);
      await store.hostStorage.close();
      await sound('kernel');
      // A file with its final name in the archive is complete.
      assert.deepEqual(
        names('archive').filter(name => !name.endsWith('.gz')),
        [],
      );
      if (done) assert.equal((await archive('kernel', 'archive', { checkExisting: true })).replaced, 0);
    },
  },
  export: {
    before: () => remove('out'),
    work: () => exportTo('out'),
    after: done => assert.deepEqual(names('out'), done ? names('export') : []),
  },
  'export of pruned history': {
    // It fetches little, so that larger steps would fail before it fetches anything, or not at all.
    maxStep: 16 << 10,
    before: () => remove('out'),
    work: () => exportPruned('out'),
    after(done) {
      if (done) return assert.deepEqual(names('out'), complete);
      // What was fetched stays for the next export.
      const left = names('out');
      assert.ok(left.every(name => /^\.swing-store-fetched-[0-9a-f]{16}$/.test(name)));
      failedLater += left.length;
    },
  },
  import: {
    before: () => remove('to'),
    async work() {
      const store = await api.importSwingStoreFromDirectory(at('export'), at('to'), { artifactMode: 'debug' });
      try {
        await store.hostStorage.commit();
      } finally {
        await store.hostStorage.close();
      }
    },
    after: done => imported(done),
  },
  'import by pieces': {
    before: () => remove('to'),
    async work() {
      const store = await api.importSwingStore(makePlainExporter(plain).exporter, at('to'), { artifactMode: 'debug' });
      try {
        store.hostStorage.kvStore.set('host.height', '42');
        await store.hostStorage.commit();
      } finally {
        await store.hostStorage.close();
      }
    },
    after: done => imported(done),
  },
  prune: {
    before: () => copy('store', 'work'),
    work: () => prune('work'),
    after: () => sound('work'),
  },
  repopulate: {
    before: () => copy('pruned', 'work'),
    async work() {
      const { refused } = await api.repopulateSwingStoreFromDirectory(at('export'), at('work'), {
        artifactMode: 'debug',
      });
      assert.deepEqual(refused, []);
    },
    async after(done) {
      await sound('work');
      assert.deepEqual(hidden('work'), []);
      if (done) assert.deepEqual(await records('work'), plain);
    },
  },
  reclaim: {
    before: () => copy('pruned', 'work'),
    work: () => api.reclaimSwingStoreSpace(at('work'), { method: 'rewrite' }),
    after: () => sound('work'),
  },
  archive: {
    before: () => remove('archive'),
    work: () => archive('store', 'archive'),
    async after() {
      assert.deepEqual(
        names('archive').filter(name => !name.endsWith('.gz')),
        [],
      );
      assert.equal((await archive('store', 'archive', { checkExisting: true })).replaced, 0);
    },
  },
};

const prune = name => api.pruneSwingStore(at(name), { keep: 'operational' });
const archive = (store, to, options = {}) => api.archiveSwingStore(at(store), at(to), options);
const exportTo = to =>
  api.exportSwingStoreToDirectory(at('store'), at(to), { artifactMode: 'debug', exportDataMode: 'all' });
const exportPruned = to =>
  api.exportSwingStoreToDirectory(at('pruned'), at(to), { artifactMode: 'archival', historyFrom: `${web}/` });
const imported = async done => {
  assert.deepEqual(hidden('to'), []);
  assert.equal(api.isSwingStore(at('to')), done);
  if (done) await sound('to');
};

await makeStore(api, at('store'));
await exportTo('export');
const plain = await records('store');
copy('store', 'pruned');
await prune('pruned');

/** A web server with the files of the export. */
const server = createServer(({ url }, response) => {
  const file = at(path.join('export', path.basename(`${url}`)));
  if (fs.existsSync(file)) response.end(fs.readFileSync(file));
  else response.writeHead(404).end();
});
await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
const web = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
await exportPruned('out');
const complete = names('out');

const outcomes = {};
let failures = 0;
for (const [name, { maxStep = Infinity, before, work, after }] of Object.entries(works)) {
  const step = Math.min((4 << 20) / Number(steps), maxStep);
  let isDone = false;
  // Increases the free space by about the same amount each time, until it is sufficient.
  for (let room = 0; !isDone; room = Math.ceil(room * 1.1) + step) {
    before();
    leaveRoom(room);
    let failure;
    try {
      await work();
      isDone = true;
    } catch (error) {
      failure = error;
    }
    makeRoom();
    try {
      if (failure) {
        failures += 1;
        const said = `${name}: ${failure.code}: ${failure.message.split(dir).join('DIR')}`
          .replace(/\d{4,}/g, 'N')
          .replace(/[0-9a-f]{16}/g, 'X');
        outcomes[said] = (outcomes[said] ?? 0) + 1;
        // Functions that the reference has keep its messages.
        if (!name.startsWith('import') && name !== 'kernel') assert.ok(failure.message.includes(dir), said);
        assert.match(`${failure.code}`, /^(ENOSPC|SQLITE_FULL|SQLITE_IOERR_.*|SQLITE_CANTOPEN)$/);
      }
      await after(isDone);
      if (failure && name !== 'kernel') {
        // In the same process, with free space.
        await work();
        await after(true);
      }
    } catch (error) {
      error.message = `${name} with room for ${room} bytes, ${failure?.message}: ${error.message}`;
      throw error;
    }
  }
}
server.closeAllConnections();
server.close();
assert.ok(failedLater > 2, `${failedLater} exports failed after they had fetched files`);
console.log(JSON.stringify({ failures, outcomes }, null, 2));
