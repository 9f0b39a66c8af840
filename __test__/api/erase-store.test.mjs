// Erasing and recreating a store keeps the owner, the group and the permissions of its files, and nothing else.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';

import { internal, internalFile } from '../support/common/internals.mjs';

const { eraseStore, recreateStorePath } = internal('erase-store.js');
const nodeFs = createRequire(import.meta.url)('node:fs');

const onUnix = process.platform === 'win32' ? test.serial.skip : test.serial;
const isRoot = process.getuid?.() === 0;

const scratch = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'swing-store-erase-'));
test.after.always(() => fs.rmSync(scratch, { recursive: true, force: true }));
let made = 0;
const fresh = () => path.join(scratch, `${(made += 1)}`);

/** Makes a directory with a database, its log, and another file. */
const makeStore = (mode = 0o750, fileMode = 0o640) => {
  const dir = fresh();
  fs.mkdirSync(dir);
  for (const name of ['swingstore.sqlite', 'swingstore.sqlite-wal', 'other'])
    fs.writeFileSync(path.join(dir, name), name);
  fs.chmodSync(path.join(dir, 'swingstore.sqlite'), fileMode);
  fs.chmodSync(dir, mode);
  return dir;
};

const modeOf = at => fs.statSync(at).mode & 0o7777;

/** Calls a function while functions of `fs` are replaced. */
const withFs = (changes, act) => {
  const before = Object.fromEntries(Object.keys(changes).map(name => [name, nodeFs[name]]));
  Object.assign(nodeFs, changes);
  try {
    return act();
  } finally {
    Object.assign(nodeFs, before);
  }
};

onUnix('a directory', t => {
  const dir = makeStore();
  const removed = [];
  const { rmSync } = nodeFs;
  const old = withFs({ rmSync: (at, options) => (removed.push(path.relative(scratch, at)), rmSync(at, options)) }, () =>
    eraseStore(dir, false),
  );
  t.false(fs.existsSync(dir));
  // The database is removed before its log.
  t.deepEqual(removed, [path.join(path.basename(dir), 'swingstore.sqlite'), path.basename(dir)]);
  t.true(old.directory.isDirectory() && old.file.isFile());
  recreateStorePath(dir, false, old);
  t.deepEqual(fs.readdirSync(dir), ['swingstore.sqlite']);
  t.is(fs.readFileSync(path.join(dir, 'swingstore.sqlite'), 'utf8'), '');
  t.is(modeOf(dir), 0o750);
  t.is(modeOf(path.join(dir, 'swingstore.sqlite')), 0o640);
});

onUnix('a directory without a database, or with something else in its place', t => {
  const empty = fresh();
  fs.mkdirSync(empty);
  fs.chmodSync(empty, 0o2711);
  const old = eraseStore(empty, false);
  t.is(old.file, undefined);
  recreateStorePath(empty, false, old);
  t.deepEqual(fs.readdirSync(empty), []);
  t.is(modeOf(empty), 0o2711);

  const strange = fresh();
  fs.mkdirSync(path.join(strange, 'swingstore.sqlite', 'inner'), { recursive: true });
  const found = eraseStore(strange, false);
  t.is(found.file, undefined);
  t.false(fs.existsSync(strange));

  // A file in place of the directory, and paths that do not exist.
  const file = fresh();
  fs.writeFileSync(file, '');
  fs.chmodSync(file, 0o604);
  t.deepEqual(eraseStore(file, false), { directory: undefined, file: undefined });
  t.deepEqual(eraseStore(fresh(), false), { directory: undefined, file: undefined });
  t.deepEqual(eraseStore(path.join(fresh(), 'a', 'b'), false), { directory: undefined, file: undefined });
  recreateStorePath(file, false, {});
  t.true(fs.statSync(file).isDirectory());
  t.is(modeOf(file), 0o777 & ~process.umask());
  const deep = path.join(fresh(), 'a', 'b');
  recreateStorePath(deep, false, {});
  t.true(fs.statSync(deep).isDirectory());

  // A link is erased, its target is not.
  const target = makeStore();
  const link = fresh();
  fs.symlinkSync(target, link);
  t.deepEqual(eraseStore(link, false), { directory: undefined, file: undefined });
  t.false(fs.existsSync(link));
  t.is(fs.readdirSync(target).length, 3);
});

onUnix('a file', t => {
  const file = fresh();
  for (const suffix of ['', '-wal', '-journal', '-shm']) fs.writeFileSync(`${file}${suffix}`, suffix);
  fs.chmodSync(file, 0o604);
  const old = eraseStore(file, true);
  t.is(old.directory, undefined);
  t.true(old.file.isFile());
  t.false(fs.existsSync(file));
  recreateStorePath(file, true, old);
  t.is(modeOf(file), 0o604);
  t.is(fs.statSync(file).size, 0);
  t.deepEqual(eraseStore(fresh(), true), { directory: undefined, file: undefined });
  // Without attributes to restore, SQLite creates the file.
  const none = fresh();
  recreateStorePath(none, true, {});
  t.false(fs.existsSync(none));
  // A file that another process has created meanwhile is not overwritten.
  fs.writeFileSync(none, 'theirs');
  t.throws(() => recreateStorePath(none, true, old), { code: 'EEXIST' });
});

onUnix('what SQLite would refuse next to a file is refused before the file is erased', t => {
  for (const suffix of ['-journal', '-wal', '-shm']) {
    const file = fresh();
    fs.writeFileSync(file, 'store');
    fs.mkdirSync(`${file}${suffix}`);
    const error = t.throws(() => eraseStore(file, true), { message: /not a regular file/ });
    t.true(error.message.includes(`${file}${suffix}`));
    t.true(fs.existsSync(file));
    t.notThrows(() => eraseStore(`${file}-other`, true));
  }
  // Files next to a directory are not checked.
  const dir = makeStore();
  fs.mkdirSync(`${dir}-wal`);
  fs.mkdirSync(path.join(dir, 'swingstore.sqlite-journal'));
  t.notThrows(() => eraseStore(dir, false));
  // A file whose status is unreadable counts as missing.
  const unseen = fresh();
  fs.writeFileSync(unseen, '');
  const lstatSync = () => {
    throw Error('no');
  };
  t.deepEqual(
    withFs({ lstatSync }, () => eraseStore(unseen, true)),
    { directory: undefined, file: undefined },
  );
});

onUnix('the owner and the group, as far as this user may', t => {
  const changes = (old, fails = []) => {
    const file = fresh();
    const calls = [];
    const { fchmodSync } = nodeFs;
    const fchownSync = (fd, uid, gid) => {
      calls.push([uid, gid]);
      if (fails.includes(gid === -1 ? 'owner' : 'group')) throw Object.assign(Error('no'), { code: 'EPERM' });
    };
    withFs({ fchownSync, fchmodSync: (fd, mode) => (calls.push(mode), fchmodSync(fd, mode)) }, () =>
      recreateStorePath(file, true, { file: old }),
    );
    return calls;
  };
  const own = fs.statSync(scratch);
  const { uid, gid } = own;
  t.deepEqual(changes({ uid, gid, mode: 0o100664 }), [0o664]);
  // The group is set before the permissions, and the owner after them, because only the owner may change permissions.
  t.deepEqual(changes({ uid: uid + 1, gid: gid + 1, mode: 0o100664 }), [[-1, gid + 1], 0o664, [uid + 1, -1]]);
  t.deepEqual(changes({ uid: uid + 1, gid, mode: 0o104755 }), [0o755, [uid + 1, -1]]);
  t.deepEqual(changes({ uid, gid: gid + 1, mode: 0o100600 }), [[-1, gid + 1], 0o600]);
  // If the group can't be restored, the new file's group does not get the permissions of the old group.
  t.deepEqual(changes({ uid, gid: gid + 1, mode: 0o100674 }, ['group']), [[-1, gid + 1], 0o604]);
  t.deepEqual(changes({ uid: uid + 1, gid, mode: 0o100664 }, ['owner']), [0o664, [uid + 1, -1]]);
  t.deepEqual(changes({ uid: uid + 1, gid: gid + 1, mode: 0o100664 }, ['group', 'owner']), [
    [-1, gid + 1],
    0o604,
    [uid + 1, -1],
  ]);
});

onUnix('nobody else can look in while it is made', t => {
  const dir = makeStore(0o755, 0o644);
  const old = eraseStore(dir, false);
  const seen = [];
  const { openSync, fchmodSync, mkdirSync } = nodeFs;
  withFs(
    {
      mkdirSync: (at, options) => (seen.push(options), mkdirSync(at, options)),
      openSync: (at, flags, mode) => {
        const fd = openSync(at, flags, mode);
        seen.push([path.basename(at), flags, fs.fstatSync(fd).mode & 0o777]);
        return fd;
      },
      fchmodSync,
    },
    () => recreateStorePath(dir, false, old),
  );
  t.deepEqual(seen, [
    { recursive: true, mode: 0o700 },
    ['swingstore.sqlite', 'wx', 0o600],
    [path.basename(dir), 'r', 0o700],
  ]);
  t.deepEqual([modeOf(dir), modeOf(path.join(dir, 'swingstore.sqlite'))], [0o755, 0o644]);
  if (process.platform === 'linux') {
    const open = fs.readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 10; i += 1) recreateStorePath(dir, false, eraseStore(dir, false));
    t.is(fs.readdirSync('/proc/self/fd').length, open);
  }
  if (isRoot) {
    fs.chownSync(dir, 65534, 65534);
    recreateStorePath(dir, false, eraseStore(dir, false));
    const { uid, gid } = fs.statSync(dir);
    t.deepEqual([uid, gid], [65534, 65534]);
  }
});

onUnix('on Windows, which has no such permissions, only the directory is made', t => {
  const { cache } = createRequire(import.meta.url);
  const file = internalFile('erase-store.js');
  const kept = cache[file];
  const platform = Object.getOwnPropertyDescriptor(process, 'platform');
  delete cache[file];
  Object.defineProperty(process, 'platform', { ...platform, value: 'win32' });
  let onWindows;
  try {
    onWindows = internal('erase-store.js');
  } finally {
    Object.defineProperty(process, 'platform', platform);
    cache[file] = kept;
  }
  const dir = makeStore(0o700);
  const old = onWindows.eraseStore(dir, false);
  onWindows.recreateStorePath(dir, false, old);
  t.deepEqual(fs.readdirSync(dir), []);
  t.is(modeOf(dir), 0o777 & ~process.umask());
});
