/**
 * Runs all tests that need only this checkout: ours under ava, then the reference's own tests on our package. Installs and
 * builds what is missing first.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { SetupError, setup } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The oldest minor versions of Node.js on which the tests run. The package itself supports older ones. */
const OLDEST = { 20: 19, 22: 11, 24: 12 };

const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (minor >= (OLDEST[major] ?? 0)) return;
  throw new SetupError(`the tests need Node.js ${major}.${OLDEST[major]} or later; this is ${process.versions.node}.`);
};

const steps = [
  ['our tests', path.join('node_modules', 'ava', 'entrypoints', 'cli.mjs')],
  ["the reference's tests", path.join('scripts', 'test-reference.mjs')],
];

try {
  checkNode();
  await setup();
  for (const [what, script] of steps) {
    console.log(`\n== ${what}`);
    const { status } = spawnSync(process.execPath, [path.join(root, script)], { cwd: root, stdio: 'inherit' });
    if (status !== 0) {
      console.error(`== ${what}: failed`);
      process.exitCode = 1;
    }
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
