// A disk that is full at one point or another of whatever is done on it: what is said, what is left, and whether work goes
// on in the same process once there is room again.
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process, { env } from 'node:process';
import { fileURLToPath } from 'node:url';

import { runOnSmallDisk, whyNoDisk } from './support/disk.mjs';

const program = fileURLToPath(new URL('./fixtures/disk/full.mjs', import.meta.url));
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-disk-'));
test.after.always(() => fs.rmSync(dir, { recursive: true, force: true }));

const reason = whyNoDisk(dir);
const onSmallDisk = reason ? test.skip : test;
if (reason) console.warn(`Full disks are not tried: ${reason}`);

onSmallDisk('whatever is done, a full disk is said to be full and leaves nothing half-done', async t => {
  t.timeout(120_000);
  const steps = env.SWING_STORE_DISK_STEPS ?? '20';
  const { code, stdout, stderr } = await runOnSmallDisk(16 << 20, dir, [process.execPath, program, dir, steps]);
  t.is(code, 0, stderr);
  const { failures, outcomes } = JSON.parse(stdout);
  t.log(`${failures} times`, outcomes);
  t.true(failures > 8);
});
