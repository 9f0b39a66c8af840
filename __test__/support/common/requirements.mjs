// Requirements of tests that some machines lack. A test whose requirement is missing is skipped; in CI it fails, unless
// the environment names the requirement, so that CI's configuration shows what CI does not test.
import { spawnSync } from 'node:child_process';
import process, { env } from 'node:process';
import { toleratedLacks } from './settings.mjs';

/** Descriptions of the requirements, by name. */
const needs = {
  compiler: 'a C compiler on Linux, for a library that is loaded before libc',
  'real-store': 'the store that a real kernel wrote, and xz to unpack it',
  root: 'the rights of root, to act for other users',
  'user-namespaces': 'user namespaces, in which file systems can be mounted',
  bash: 'bash',
  'dev-full': '/dev/full, which is always full',
  'two-file-systems': 'a /dev/shm on another file system than the temporary directory',
  moto: 'moto, an S3 server, which Python installs',
  sysfs: '/sys/kernel, where nobody can make a file',
};

for (const name of toleratedLacks) {
  if (!Object.hasOwn(needs, name)) throw Error(`nothing that tests need is called "${name}"`);
}

/** Whether a test with this requirement may be skipped. @param {keyof typeof needs} name */
export const mayLack = name => !env.CI || toleratedLacks.includes(name);

/**
 * Skips a test, with the reason.
 *
 * @param {import('ava').ExecutionContext} t
 * @param {keyof typeof needs} name the missing requirement
 * @param {string} [reason]
 */
export const leaveOut = (t, name, reason = '') => {
  const what = `${needs[name]}${reason && ` (${reason})`}`;
  if (!mayLack(name)) {
    t.fail(`CI has to run this test, which needs ${what}; or SWING_STORE_TEST_WITHOUT has to name ${name}`);
    return;
  }
  t.log(`not run, for want of ${what}`);
  t.pass();
};

/**
 * Returns `test` itself, or a function that skips tests if the requirement is missing.
 *
 * @param {any} test
 * @param {keyof typeof needs} name
 * @param {boolean} isThere
 * @param {string} [reason] why it is missing
 */
export const needing = (test, name, isThere, reason) =>
  isThere ? test : title => test(title, t => leaveOut(t, name, reason));

export const isRoot = process.platform !== 'win32' && process.getuid() === 0;

/** Compiles a library for `LD_PRELOAD`. Returns the reason if that is impossible. */
export const compileLibrary = (source, file) => {
  if (process.platform !== 'linux') return 'this is no Linux';
  const args = ['-O1', '-shared', '-fPIC', '-o', file, source, '-ldl'];
  const { status, error, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr);
};
