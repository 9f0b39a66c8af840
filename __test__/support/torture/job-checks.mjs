// The inputs of each job, and checks of what it leaves when it is killed: its complete result, the previous state, or a
// valid part of the result.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { contentsOf, copyRaw, filesIn, isSameMap } from './store-contents.mjs';
import { makeStore, manifestName } from '../common/cosmic-directory.mjs';

const FILE = 'swingstore.sqlite';

/** An unrelated file in the directory, which must not change. */
const FOREIGN = 'notes.txt';

/**
 * Makes the inputs of the jobs in a directory:
 *   full: a store with all history; export, everything: exports of it in the modes archival and debug; previous: an export
 *     of an earlier block of it;
 *   old: another store, with its log, as a killed kernel leaves it;
 *   pruned, forgetful: the first store without its history, and also without the records of its history.
 */
export const makeMaterial = async (api, at, size) => {
  await makeStore(api, at('full'), {}, size);
  await api.exportSwingStoreToDirectory(at('full'), at('previous'), { artifactMode: 'archival' });
  const full = api.openSwingStore(at('full'));
  full.kernelStorage.transcriptStore.addItem('v1', 'one more');
  await full.hostStorage.commit();
  await full.hostStorage.close();
  await api.exportSwingStoreToDirectory(at('full'), at('export'), { artifactMode: 'archival' });
  await api.exportSwingStoreToDirectory(at('full'), at('everything'), { artifactMode: 'debug' });

  const old = api.initSwingStore(at('living'));
  for (let i = 0; i < 50; i += 1) {
    old.kernelStorage.kvStore.set(`old.${i}`, 'x'.repeat(1000));
    await old.hostStorage.commit();
    // Some data is in the file, and some only in the log.
    if (i === 25) old.debug.getDatabase().pragma('wal_checkpoint(TRUNCATE)');
  }
  copyRaw(at('living'), at('old'));
  await old.hostStorage.close();

  copyRaw(at('full'), at('pruned'));
  await api.pruneSwingStore(at('pruned'), { keep: 'operational' });
  copyRaw(at('pruned'), at('forgetful'));
  const { hostStorage, debug } = api.openSwingStore(at('forgetful'));
  debug
    .getDatabase()
    .exec('DELETE FROM transcriptSpans WHERE isCurrent IS NULL; DELETE FROM snapshots WHERE inUse IS NULL');
  await hostStorage.close();
};

/**
 * A digest of a store, read from a copy; `undefined` if there is no store. Fails if the store is damaged.
 *
 * @param {any} api
 * @param {(name: string) => string} at
 * @param {string} name
 * @param {{ known?: string[], unmade?: boolean }} [options]
 *   `known`: expected findings; `unmade`: whether it may lack tables, which opening it creates
 */
const lookAtStore = async (api, at, name, { known = [], unmade = false } = {}) => {
  if (!api.isSwingStore(at(name))) {
    assert.throws(() => api.makeSwingStoreExporter(at(name)));
    await assert.rejects(api.verifySwingStore(at(name)), /there is no store in/);
    assert.ok(!api.isSwingStore(at(name)));
    return undefined;
  }
  copyRaw(at(name), at('copy'));
  if (unmade) await api.openSwingStore(at('copy')).hostStorage.close();
  const { findings } = await api.verifySwingStore(at('copy'), { artifactMode: 'debug' });
  assert.deepEqual(
    findings.filter(({ severity, kind }) => severity === 'error' && !known.includes(kind)),
    [],
  );
  const store = api.openSwingStore(at('copy'));
  const contents = await contentsOf(api, at('copy'), store);
  await store.hostStorage.close();
  return contents;
};

const isSame = (one, other) => one.state === other.state && isSameMap(one.artifacts, other.artifacts);

const onlyTheStore = at => assert.deepEqual(fs.readdirSync(at('to')), [FILE]);

/** A store that replaces another. */
const replacing = (before, others = {}) => ({
  before,
  async look(api, at, whole) {
    const found = await lookAtStore(api, at, 'to', { unmade: others.empty });
    if (!found) {
      assert.ok(!before || others.none, 'the old store is gone, and the new one not there');
      return 'nothing';
    }
    if (isSame(found, whole)) return 'whole';
    if (before && isSame(found, await lookAtStore(api, at, before))) return 'as before';
    if (others.empty && found.records.length === 0 && found.artifacts.size === 0) return 'empty';
    return assert.fail('a store that is neither the old one nor the new one');
  },
  whole: (api, at) => lookAtStore(api, at, 'to'),
  clean: onlyTheStore,
});

/** A store that is changed, in one or in several transactions. */
const changing = (before, { stepwise, known = [] }) => ({
  before,
  async look(api, at, whole) {
    const found = await lookAtStore(api, at, 'to', { known });
    assert.ok(found, 'the store is gone');
    const old = await lookAtStore(api, at, before, { known });
    if (isSame(found, whole)) return 'whole';
    if (isSame(found, old)) return 'as before';
    assert.ok(stepwise, 'it must happen in one step');
    assert.ok([old.state, whole.state].includes(found.state));
    // Each artifact is intact or missing; artifacts of both stores stay.
    const names = new Set([...old.artifacts.keys(), ...whole.artifacts.keys()]);
    for (const name of names) {
      const [o, w, f] = [old, whole, found].map(({ artifacts }) => artifacts.get(name));
      if (f === undefined) assert.ok(o === undefined || w === undefined, `${name} is gone`);
      else assert.equal(f, o ?? w, name);
    }
    for (const name of found.artifacts.keys()) assert.ok(names.has(name), name);
    return 'a part';
  },
  whole: (api, at) => lookAtStore(api, at, 'to'),
  clean: onlyTheStore,
});

/** A file that is rewritten: its contents stay the same, and its size shrinks. */
const shrinking = {
  ...changing('pruned', { stepwise: false }),
  async look(api, at, whole) {
    const holds = await changing('pruned', { stepwise: false }).look(api, at, whole);
    const { size } = fs.statSync(path.join(at('to'), FILE));
    return holds === 'whole' && size > whole.size ? 'as before' : holds;
  },
  async whole(api, at) {
    const { size } = fs.statSync(path.join(at('to'), FILE));
    assert.ok(size < fs.statSync(path.join(at('pruned'), FILE)).size);
    return { ...(await lookAtStore(api, at, 'to')), size };
  },
};

const withoutForeign = files => {
  assert.ok(files.delete(FOREIGN), 'a file of somebody else is gone');
  return files;
};

const exporting = {
  async look(api, at, whole) {
    const files = withoutForeign(filesIn(at('to')));
    if (files.has(manifestName)) {
      assert.ok(isSameMap(files, whole), 'there is a manifest, and not what it names');
      return 'whole';
    }
    await assert.rejects(api.importSwingStoreFromDirectory(at('to'), at('nowhere')), /export-manifest\.json/);
    return files.size ? 'a part' : 'nothing';
  },
  whole: async (_api, at) => withoutForeign(filesIn(at('to'))),
  clean: (at, whole) => assert.deepEqual(fs.readdirSync(at('to')).sort(), [...whole.keys(), FOREIGN].sort()),
  /** An export never replaces another one, which must be removed first. */
  whenWhole: (at, whole) => [...whole.keys()].forEach(name => fs.rmSync(path.join(at('to'), name))),
};

const archiving = {
  async look(_api, at, whole) {
    const files = withoutForeign(filesIn(at('to')));
    for (const [name, hash] of files) assert.equal(hash, whole.get(name), name);
    return files.size === whole.size ? 'whole' : files.size ? 'a part' : 'nothing';
  },
  whole: exporting.whole,
  clean: exporting.clean,
};

const reporting = {
  ...exporting,
  async look(_api, at) {
    const files = withoutForeign(filesIn(at('to')));
    if (!files.size) return 'nothing';
    assert.deepEqual([...files.keys()], ['report.html']);
    assert.match(fs.readFileSync(path.join(at('to'), 'report.html'), 'utf8'), /<\/html>\s*$/);
    return 'whole';
  },
};

/**
 * The jobs by their work. `before`: what exists at first; `look`: returns a word for what exists now, or fails; `whole`: the
 * word after a job that was not killed; `clean`: fails if there are other files.
 */
export const jobs = {
  importSwingStore: [replacing(undefined), replacing('old')],
  importSwingStoreAsFile: [replacing(undefined)],
  importFromDirectory: [replacing(undefined), replacing('old')],
  importSafely: [replacing(undefined), replacing('old')],
  importByCli: [replacing('old')],
  exportToDirectory: [exporting],
  exportCompressed: [exporting],
  exportReusing: [exporting],
  exportByCli: [exporting],
  repair: [changing('forgetful', { stepwise: false, known: ['span-gap'] })],
  repairByCli: [changing('forgetful', { stepwise: false, known: ['span-gap'] })],
  repopulateFromDirectory: [changing('pruned', { stepwise: true })],
  repopulate: [changing('pruned', { stepwise: true })],
  repopulateByCli: [changing('pruned', { stepwise: true })],
  prune: [changing('full', { stepwise: true })],
  pruneByCli: [changing('full', { stepwise: true })],
  reclaim: [shrinking],
  reclaimByCli: [shrinking],
  archive: [archiving],
  archiveByCli: [archiving],
  reportByCli: [reporting],
  init: [replacing('old', { none: true, empty: true })],
};

/** Copies what must exist before the job. */
export const prepare = (at, { before }) => {
  fs.rmSync(at('to'), { recursive: true, force: true });
  if (before) return copyRaw(at(before), at('to'));
  fs.mkdirSync(at('to'));
  return undefined;
};

/** Adds an unrelated file if the job permits one. */
export const prepareForeign = (at, job) => {
  if ([exporting, archiving, reporting].includes(job)) fs.writeFileSync(path.join(at('to'), FOREIGN), 'mine');
};
