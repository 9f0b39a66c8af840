// What tests need that not every machine has. Where it is missing, a test is left out; in CI that is a failure, unless the
// environment names what is missing, so that whoever reads how CI is set up knows what it does not test.
import { spawnSync } from 'node:child_process';
import process, { env } from 'node:process';
import { toleratedLacks } from './settings.mjs';

/** By name, what that is in words. */
const needs = {
  compiler: 'a C compiler on Linux, for a library that is loaded before libc',
  'real-store': 'the store that a real kernel wrote, and xz to unpack it',
  root: 'the rights of root, to act for other users',
  'user-namespaces': 'user namespaces, in which file systems can be mounted',
  bash: 'bash',
  'dev-full': '/dev/full, which is always full',
  sysfs: '/sys/kernel, where nobody can make a file',
};

for (const name of toleratedLacks) {
  if (!Object.hasOwn(needs, name)) throw Error(`nothing that tests need is called "${name}"`);
}

/** @param {keyof typeof needs} name  whether a test that needs this may be left out */
export const mayLack = name => !env.CI || toleratedLacks.includes(name);

/**
 * Says that a test can't run here, and why.
 *
 * @param {import('ava').ExecutionContext} t
 * @param {keyof typeof needs} name  what is missing
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
 * `test` itself, or what takes its place where something is missing: a function that leaves tests out.
 *
 * @param {any} test
 * @param {keyof typeof needs} name
 * @param {boolean} isThere
 * @param {string} [reason]  why it is missing
 */
export const needing = (test, name, isThere, reason) =>
  isThere ? test : title => test(title, t => leaveOut(t, name, reason));

export const isRoot = process.platform !== 'win32' && process.getuid() === 0;

/** Compiles a library for `LD_PRELOAD`; returns why that is not possible, or nothing. */
export const compileLibrary = (source, file) => {
  if (process.platform !== 'linux') return 'this is no Linux';
  const args = ['-O1', '-shared', '-fPIC', '-o', file, source, '-ldl'];
  const { status, error, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr);
};
