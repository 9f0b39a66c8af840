import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

// There is no lockdown in jest: its test files see intrinsics of two realms,
// which SES refuses. So what needs one runs in a process of its own.
test('under lockdown, all that a store returns is hardened', async () => {
  const program = fileURLToPath(new URL('under-lockdown.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  expect(JSON.parse(stdout)).toStrictEqual({ isHardened: true, color: 'blue' });
});
