import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

// SES cannot lock down a test file of jest, which has intrinsics of two realms.
// So the code under lockdown runs in a separate process.
test('under lockdown, a store and its functions are hardened', async () => {
  const program = fileURLToPath(new URL('under-lockdown.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  expect(JSON.parse(stdout)).toStrictEqual({ isHardened: true, color: 'blue' });
});
