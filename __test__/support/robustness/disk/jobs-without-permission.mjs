// Runs jobs on a store, an export and an archive without permission to read or write them, as an unprivileged user:
// `jobs-without-permission.mjs DIR PROGRAM`. Prints the errors by fault, implementation and job.
import '@endo/init/debug.js';

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { reference, subject } from '../../common/implementations.mjs';
import { makeStore, manifestName } from '../../common/cosmic-directory.mjs';
import { readPlain } from '../../common/plain-exporter.mjs';
import { leaveUnfinished } from '../hot-journals.mjs';
import { becomeNobody } from './unprivileged-user.mjs';
import { commands, ownWorks, placesIn, sharedWorks, told } from './store-jobs.mjs';

const [dir, program] = process.argv.slice(2);
const { api } = subject;
becomeNobody(dir);

const template = placesIn(path.join(dir, 'template'));
const fileIn = store => path.join(store, 'swingstore.sqlite');

/** Makes all files, once. */
const prepare = async () => {
  await makeStore(api, template.store);
  await api.exportSwingStoreToDirectory(template.store, template.export, { artifactMode: 'debug' });
  await api.archiveSwingStore(template.store, template.archive);
  fs.mkdirSync(path.dirname(template.out));
  fs.mkdirSync(template.to);
};

/** Copies a store with the log of an unclosed one. */
const leaveLog = file => {
  const { kernelStorage, hostStorage } = api.openSwingStore(template.store);
  kernelStorage.kvStore.set('in the log', 'value');
  return hostStorage.commit().then(async () => {
    for (const suffix of ['', '-wal', '-shm']) {
      fs.copyFileSync(`${fileIn(template.store)}${suffix}`, `${file}${suffix}`);
    }
    await hostStorage.close();
  });
};

/** Makes a store with a rollback journal of a transaction that has changed the file; see `leaveUnfinished`. */
const leaveJournal = file => leaveUnfinished(fileIn(template.store), file);

/** Restores the owner's permission to read and write all files. */
const mend = at => {
  const isDirectory = fs.lstatSync(at).isDirectory();
  fs.chmodSync(at, isDirectory ? 0o755 : 0o644);
  if (isDirectory) for (const name of fs.readdirSync(at)) mend(path.join(at, name));
};

/** All files and directories with their contents. */
const contentsOf = at => {
  const found = {};
  for (const name of fs.readdirSync(at, { recursive: true }).sort()) {
    const entry = path.join(at, name);
    const { size } = fs.statSync(entry);
    // Ignores SQLite's index of a log, and an empty log.
    if (name.endsWith('-shm') || (name.endsWith('-wal') && size === 0)) continue;
    found[name] = fs.statSync(entry).isDirectory()
      ? 'directory'
      : crypto.createHash('sha256').update(fs.readFileSync(entry)).digest('hex');
  }
  return found;
};

const chmod =
  (mode, ...files) =>
  () =>
    files.forEach(each => fs.chmodSync(each, mode));
const onSome = ['open', 'open to read', 'exporter', 'verify', 'export', 'prune'];
const onlyReading = ['verify', 'export', 'history', 'archive', 'diff'];
const onStore = [...onSome, 'history', 'archive', 'diff', 'repair', 'repopulate', 'reclaim'];

/** The faults, each with the jobs to run. */
const faultsOf = places => {
  const file = fileIn(places.store);
  const noDirectory = chmod(0o555, places.store);
  const exported = name => path.join(places.export, name);
  return {
    'file not readable': { spoil: chmod(0, file), works: onStore },
    'file not writable': { spoil: chmod(0o444, file), works: onStore },
    'directory not writable': { spoil: noDirectory, works: [...onStore, 'init'] },
    'directory not readable': { spoil: chmod(0, places.store), works: [...onStore, 'init'] },
    'log left, directory not writable': {
      log: true,
      before: () => fs.rmSync(`${file}-shm`),
      spoil: noDirectory,
      works: onStore,
    },
    'log left, log not readable': { log: true, spoil: chmod(0, `${file}-wal`), works: onSome },
    'log left, index not readable': { log: true, spoil: chmod(0, `${file}-shm`), works: onSome },
    'log left, neither writable': { log: true, spoil: chmod(0o444, `${file}-wal`, `${file}-shm`), works: onSome },
    'empty log left, directory not writable': {
      before: () => fs.writeFileSync(`${file}-wal`, ''),
      spoil: noDirectory,
      works: onStore,
    },
    'journal left, file and directory not writable': {
      before: () => leaveJournal(file),
      spoil: () => {
        fs.chmodSync(file, 0o444);
        noDirectory();
      },
      // A store that is opened for reading is never rolled back.
      works: onStore.filter(work => work !== 'open to read'),
    },
    'journal left, directory not writable': {
      before: () => leaveJournal(file),
      spoil: noDirectory,
      works: onlyReading,
    },
    'journal left, journal not readable': {
      before: () => leaveJournal(file),
      spoil: chmod(0, `${file}-journal`),
      works: onlyReading,
    },
    'place for export not writable': { spoil: chmod(0o555, path.dirname(places.out)), works: ['export'] },
    'place for store not writable': { spoil: chmod(0o555, places.to), works: ['import', 'import from a directory'] },
    'export not readable': {
      spoil: chmod(0, places.export),
      works: ['import from a directory', 'repair', 'repopulate', 'diff'],
    },
    'manifest not readable': {
      spoil: chmod(0, exported(manifestName)),
      works: ['import from a directory', 'repair', 'repopulate', 'diff'],
    },
    'export data not readable': {
      spoil: chmod(0, exported('export-data.jsonl')),
      works: ['import from a directory', 'repair', 'diff'],
    },
    'span not readable': {
      spoil: chmod(0, exported('transcript.v1.0.5')),
      works: ['import from a directory'],
    },
    'archive not writable': {
      before: () => {
        for (const name of fs.readdirSync(places.archive)) fs.rmSync(path.join(places.archive, name));
      },
      spoil: chmod(0o555, places.archive),
      works: ['archive', 'archive as it comes'],
    },
    'archive gone': { spoil: () => fs.rmSync(places.archive, { recursive: true }), works: ['archive'] },
  };
};

const runCommand = (name, places) => {
  const { status, stderr } = spawnSync(process.execPath, [program, ...commands[name](places)], { encoding: 'utf8' });
  // A verification with findings has not failed.
  return status <= 1 ? 'done' : `${status}: ${stderr.trim().split('\n').at(-1)}`;
};

const ours = path.join(dir, 'ours');
let rounds = 0;

/** Prepares all files at `base`, with the fault. */
const setUp = async (base, fault) => {
  const places = placesIn(base);
  const { log, before: prepareMore, spoil } = faultsOf(places)[fault];
  if (fs.existsSync(base)) mend(base);
  fs.rmSync(base, { recursive: true, force: true });
  fs.cpSync(path.dirname(template.store), base, { recursive: true });
  if (log) await leaveLog(fileIn(places.store));
  if (prepareMore) prepareMore();
  const before = contentsOf(base);
  spoil();
  return { places, before };
};

const said = {};
const note = (base, fault, who, work, words) => {
  said[fault] ??= {};
  said[fault][who] ??= {};
  said[fault][who][work] = words
    .split(base)
    .join('DIR')
    .replace(/[0-9a-f]{16}/g, 'X');
};

/** Runs a job with the fault, and again without it. */
const tryOurs = async (fault, who, work, attempt) => {
  const { places, before } = await setUp(ours, fault);
  const words = await attempt(places);
  mend(ours);
  note(ours, fault, who, work, words);
  try {
    if (!words.startsWith('done')) {
      assert.deepEqual(contentsOf(ours), before);
      assert.equal(await attempt(places), 'done');
      const { findings } = await api.verifySwingStore(places.store, { artifactMode: 'debug' });
      assert.deepEqual(
        findings.filter(({ severity }) => severity === 'error'),
        [],
      );
    }
  } catch (error) {
    error.message = `${fault}: ${who} ${work}: ${words}: ${error.message}`;
    throw error;
  }
};

/** The reference leaves files open when it fails, so each run has its own directory. */
const tryReference = async (fault, work) => {
  rounds += 1;
  const base = path.join(dir, `reference-${rounds}`);
  const { places } = await setUp(base, fault);
  note(base, fault, 'reference', work, await told(() => sharedWorks[work](reference.api, places, plain)));
  mend(base);
};

await prepare();
const plain = await readPlain(api.makeSwingStoreExporter(template.store, { artifactMode: 'debug' }));
for (const [fault, { works: names }] of Object.entries(faultsOf(placesIn(ours)))) {
  for (const work of names) {
    const isShared = work in sharedWorks;
    if (isShared) await tryReference(fault, work);
    const act = isShared ? sharedWorks[work] : ownWorks[work];
    await tryOurs(fault, 'ours', work, places => told(() => act(api, places, plain)));
  }
}
for (const [fault, names] of Object.entries({
  'file not readable': ['inspect', 'prune'],
  'directory not writable': ['export', 'reclaim'],
  'directory not readable': ['verify'],
  'journal left, directory not writable': ['verify', 'export', 'inspect'],
  'export data not readable': ['import'],
  'place for store not writable': ['import'],
  'place for export not writable': ['export'],
  'archive not writable': ['archive'],
})) {
  for (const name of names) await tryOurs(fault, 'program', name, async places => runCommand(name, places));
}
for (const name of fs.readdirSync(dir)) mend(path.join(dir, name));
console.log(JSON.stringify(said, null, 2));
