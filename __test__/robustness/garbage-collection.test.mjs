// Unclosed stores, exporters and iterators are collected, with their files and threads.
import test from 'ava';

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('../support/robustness/programs/abandon-stores.mjs', import.meta.url));

test('abandoned stores, exporters and iterators are collected', async t => {
  if (process.platform !== 'linux') {
    t.log('only Linux tells how many files and threads a process has');
    t.pass();
    return;
  }
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-abandoned-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  const args = ['--expose-gc', program, path.join(dir, 'store'), '160'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  t.is(stderr, '');
  const { early, late } = JSON.parse(stdout);
  t.log({ early, late });
  // Objects of the last rounds may not be collected yet; a leak would leave hundreds.
  for (const [i, count] of late.entries()) t.true(count < early[i] + 60, `${late} after ${early}`);
});
