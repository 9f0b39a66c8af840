// What the operators' guide says about a full disk and a crash, followed on a disk that a kernel has filled, and on the
// store of a kernel that was killed.
import test from 'ava';

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { openSwingStore } from '../../index.mjs';
import { runCli } from '../support/common/cli.mjs';
import { needing } from '../support/common/requirements.mjs';
import { outcomeOf } from '../support/common/run-program.mjs';
import { inTempDir } from '../support/common/world.mjs';
import { commandsOfGuide } from '../support/robustness/guide.mjs';
import { runOnSmallDisk, whyNoDisk } from '../support/robustness/small-disks.mjs';

const programAt = name => fileURLToPath(new URL(`../support/robustness/${name}`, import.meta.url));

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-guide-'));
test.after.always(() => fs.rmSync(base, { recursive: true, force: true }));
const reason = whyNoDisk(base);

needing(
  test,
  'user-namespaces',
  !reason,
  reason,
)('on a full disk, the commands of the guide make room, and the kernel continues', async t => {
  t.timeout(120_000);
  const disk = fs.mkdtempSync(path.join(base, 'disk-'));
  const command = [process.execPath, programAt('disk/guide-on-full-disk.mjs'), disk];
  const { code, stdout, stderr } = await runOnSmallDisk(20 << 20, disk, command);
  t.is(code, 0, stderr);
  const told = JSON.parse(stdout);
  t.is(told.commitError, 'SQLITE_FULL');
  t.is(told.found, told.committed, 'the store is as of the last commit');
  t.is(told.refused.code, 3);
  t.regex(told.refused.stderr, /error: .*no space/i);
  t.deepEqual(told.left, [], 'a command that fails leaves nothing');
  t.deepEqual(
    told.commands.map(({ name, code: exit }) => [name, exit]),
    [
      ['prune', 0],
      ['verify', 0],
    ],
    JSON.stringify(told.commands),
  );
  t.is(told.blocksAfter, 20);
  t.true(told.bytes > told.committed * 50_000, `${told.bytes} bytes after ${told.committed} blocks`);
  t.is(told.grown, 0, 'the kernel reuses the pages');
});

test('after a crash, the store is as of the last commit, and the command of the guide finds nothing', async t => {
  await inTempDir(async home => {
    const store = path.join(home, 'data', 'agoric');
    fs.mkdirSync(store, { recursive: true });
    const { signal } = await outcomeOf(
      spawn(process.execPath, [programAt('programs/kernel-that-dies.mjs'), store], {
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    t.is(signal, 'SIGKILL');
    t.true(fs.statSync(path.join(store, 'swingstore.sqlite-wal')).size > 0, 'the log is not in the file yet');
    const commands = commandsOfGuide('After a crash');
    t.true(commands.length > 0);
    for (const words of commands) {
      const { code, stdout, stderr } = await runCli(words.map(word => word.replace('~/.agoric', home)));
      t.is(code, 0, stderr);
      t.regex(stdout, /block 3\b/);
    }
    const { kernelStorage, hostStorage } = openSwingStore(store);
    t.is(hostStorage.kvStore.get('host.height'), '3');
    t.is(kernelStorage.kvStore.get('counter'), '3');
    await hostStorage.close();
  });
});
