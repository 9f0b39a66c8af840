// The messages of wrong calls under the default error taming. Needs a separate process, since a process has one lockdown.
import test from 'ava';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

test('messages with redacted details', async t => {
  const script = fileURLToPath(new URL('../support/parity/programs/redacted-messages.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    timeout: 120_000,
    maxBuffer: 1e8,
  });
  const { differences, redacted } = JSON.parse(stdout.trim().split('\n').at(-1));
  t.log(`${redacted} details were redacted`);
  t.true(redacted > 10);
  t.deepEqual(differences, []);
});
