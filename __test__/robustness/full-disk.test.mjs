// A disk that becomes full at any point of a job: the error, the files that are left, and whether the same process can
// continue once there is space.
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process, { env } from 'node:process';
import { fileURLToPath } from 'node:url';

import { runOnSmallDisk, whyNoDisk } from '../support/robustness/small-disks.mjs';
import { needing } from '../support/common/requirements.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-disk-'));
test.after.always(() => fs.rmSync(dir, { recursive: true, force: true }));

const reason = whyNoDisk(dir);
const onSmallDisk = needing(test, 'user-namespaces', !reason, reason);

/** Runs a program of `support/robustness/disk` with its own small disk, and returns its output. */
const onDisk = async (t, name, ...args) => {
  t.timeout(120_000);
  const program = fileURLToPath(new URL(`../support/robustness/disk/${name}`, import.meta.url));
  const place = fs.mkdtempSync(path.join(dir, 'disk-'));
  const { code, stdout, stderr } = await runOnSmallDisk(16 << 20, place, [process.execPath, program, place, ...args]);
  t.is(code, 0, stderr);
  return JSON.parse(stdout);
};

onSmallDisk('whatever is done, a full disk is said to be full and leaves nothing half-done', async t => {
  const { failures, outcomes } = await onDisk(t, 'jobs-on-full-disk.mjs', env.SWING_STORE_DISK_STEPS ?? '20');
  t.log(`${failures} times`, outcomes);
  t.true(failures > 8);
});

onSmallDisk(
  'an import whose commit failed refuses further calls, and the store that it would replace stays',
  async t => {
    for (const [step, said] of Object.entries(await onDisk(t, 'import-on-full-disk.mjs'))) {
      t.regex(
        said,
        step.endsWith(': commit')
          ? /^SQLITE_FULL: /
          : /^ERR_SWING_STORE_TORN: a step of a transaction failed that has no journal/,
        step,
      );
    }
  },
);

onSmallDisk(
  'a kernel that fills the disk gets the same error as from the reference, and can continue in the same way',
  async t => {
    for (const [name, { reference, ours }] of Object.entries(await onDisk(t, 'kernel-on-full-disk.mjs'))) {
      t.deepEqual(ours, reference, name);
      t.regex(ours.error, /^SQLITE_FULL: /);
      // The failed block is lost, including what its commit had not written yet.
      t.like(ours, {
        inTransaction: false,
        full: 'no error',
        commit: 'no error',
        next: 'no error',
        blocks: 1,
        items: 40,
      });
    }
  },
);
