/** Systems without syncs of directories, hard links or locks; with few threads; with few file descriptors. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { compileLibrary, needing } from '../support/common/requirements.mjs';

const here = name => fileURLToPath(new URL(name, import.meta.url));
const scratch = fs.mkdtempSync(path.join(tmpdir(), 'swing-store-odd-'));
test.after.always(() => fs.rmSync(scratch, { recursive: true, force: true }));

/** The preloaded library that limits the system. */
const library = path.join(scratch, 'odd-system.so');
const reason = compileLibrary(here('../support/robustness/limited-system.c'), library);
const odd = needing(test, 'compiler', !reason, reason);

let count = 0;

/** Runs all jobs on a limited system. */
const work = settings => {
  count += 1;
  const dir = path.join(scratch, `${count}`);
  fs.mkdirSync(dir);
  const [log, start] = ['log', 'start'].map(name => path.join(dir, name));
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [here('../support/robustness/programs/all-store-work.mjs'), dir, start],
    {
      encoding: 'utf8',
      env: { ...process.env, LD_PRELOAD: library, ODD_LOG: log, ODD_AFTER: start, ...settings },
    },
  );
  const outcomes = new Map(
    stdout
      .split('\n')
      .filter(Boolean)
      .map(line => line.split(/ (.*)/s).slice(0, 2)),
  );
  return { dir, status, signal, stderr, outcomes, lacking: fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '' };
};

const pieces = ['set', 'save', 'roll', 'commit', 'read', 'export', 'import', 'replace', 'archive', 'verify', 'close'];

for (const [name, number] of Object.entries({ EINVAL: 22, EBADF: 9, ENOSYS: 38, ENOTSUP: 95 })) {
  odd(
    `a file system whose directories can't be synced (${name}), that has no second names, locks and permissions`,
    t => {
      const lacking = { ODD_FSYNC: number, ODD_LINK: 95, ODD_LOCK: 37, ODD_CHMOD: 1 };
      const { status, stderr, outcomes, lacking: found, dir } = work(lacking);
      t.is(status, 0, stderr);
      t.deepEqual(
        [...outcomes],
        pieces.map(piece => [piece, 'done']),
      );
      for (const what of ['fsync', 'link', 'flock', 'fchmod']) t.true(found.includes(`${what}\n`), what);
      t.is(fs.readdirSync(path.join(dir, 'archives')).length, 2);
    },
  );
}

odd('a directory that fails to be synced is an error', t => {
  const { outcomes } = work({ ODD_FSYNC: 5 });
  for (const piece of ['save', 'roll', 'export', 'archive']) t.regex(outcomes.get(piece), /^EIO .*syncing/, piece);
  for (const piece of ['set', 'read', 'verify']) t.is(outcomes.get(piece), 'done', piece);
});

odd('however few threads there are, work is done or refused in plain words, and the store is whole', t => {
  let isEnough = false;
  for (const threads of [0, 1, 2, 3, 5, 8, 13, 200]) {
    if (isEnough) break;
    const { status, signal, stderr, outcomes, lacking } = work({ ODD_THREADS: threads });
    const about = `${threads} threads: ${JSON.stringify([...outcomes])} ${stderr}`;
    t.is(signal, null, about);
    t.is(status, 0, about);
    t.is(stderr, '', about);
    t.deepEqual([...outcomes.keys()], pieces, about);
    for (const piece of ['set', 'commit', 'read', 'close']) t.is(outcomes.get(piece), 'done', about);
    for (const outcome of outcomes.values()) {
      t.regex(
        outcome,
        /^(done$|EAGAIN starting a thread: The system gives this process no more threads|ENOENT)/,
        about,
      );
    }
    if (threads === 0) {
      t.regex(outcomes.get('save'), /^EAGAIN/, about);
      t.regex(outcomes.get('verify'), /^EAGAIN/, about);
    } else {
      // One thread is enough.
      t.deepEqual(
        [...outcomes],
        pieces.map(piece => [piece, 'done']),
        about,
      );
    }
    isEnough = lacking === '';
  }
  t.true(isEnough, 'the last run had all threads that it asked for');
});

odd('a command without a thread says so in one line', t => {
  const start = path.join(scratch, 'command');
  const env = { ...process.env, LD_PRELOAD: library, ODD_AFTER: start, ODD_THREADS: '0' };
  const args = [
    '--require',
    here('../support/robustness/programs/mark-started.cjs'),
    here('../../bin/swing-store.js'),
    'verify',
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  t.is(status, 3, stderr);
  t.is(stdout, '');
  t.regex(stderr, /^error: starting a thread: The system gives this process no more threads \(EAGAIN\)\..*\n$/);
});

const posix = process.platform === 'win32' ? test.skip : test;

posix('too many open files are what is said to be wrong, wherever they run out', t => {
  const store = path.join(scratch, 'crowded');
  const { kernelStorage, hostStorage } = createRequire(import.meta.url)('../../index.js').initSwingStore(store);
  kernelStorage.kvStore.set('key', 'value');
  return Promise.resolve(hostStorage.commit()).then(() => {
    // The store stays open, so it has a log.
    const { status, stdout, stderr } = spawnSync(
      'sh',
      [
        '-c',
        'ulimit -n 64 && exec "$@"',
        'sh',
        process.execPath,
        here('../support/robustness/programs/too-many-files.mjs'),
        store,
        scratch,
      ],
      { encoding: 'utf8' },
    );
    t.is(status, 0, stderr);
    const outcomes = stdout
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line));
    const failed = outcomes.filter(({ message }) => message !== undefined);
    for (const name of ['verify', 'export', 'history', 'prune', 'diff']) {
      t.true(
        failed.some(outcome => outcome.name === name && outcome.free === 0),
        name,
      );
      t.true(
        outcomes.some(outcome => outcome.name === name && outcome.message === undefined),
        name,
      );
    }
    for (const { name, free, code, message } of failed) {
      const about = `${name} with ${free} left: ${code} ${message}`;
      t.regex(message, /\(EMFILE\)|^unable to open database file$|os error 24/, about);
      t.notRegex(message, /this user|has a log beside it|no such|system's log/, about);
      if (name !== 'open') t.regex(message, /ulimit -n/, about);
    }
    return hostStorage.close();
  });
});
