/** Builds the binary, and removes the build directory. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildAdvice } from './advice.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const addon = path.join(here, 'swing-store-native.node');
const target = path.join(here, 'target');

/** A message for the user who installs the package, printed without a stack. */
class BuildError extends Error {
  constructor(...lines) {
    super(lines.filter(Boolean).join('\n'));
  }
}

const build = () => {
  const { status, stderr, error } = spawnSync('cargo', ['build', '--locked', '--lib', '--release'], {
    cwd: here,
    env: { ...process.env, CARGO_TARGET_DIR: target },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) {
    throw new BuildError(
      `swing-store-native is written in Rust, and "cargo" could not be run (${error.message}).`,
      'Install Rust (https://rustup.rs), open a new terminal so that it is on the PATH, and try again.',
    );
  }
  if (status !== 0) {
    const end = stderr.trim().split('\n').slice(-40).join('\n');
    throw new BuildError(end, `"cargo build" failed (exit code ${status}).`, buildAdvice(stderr));
  }
  const library = { win32: 'swing_store.dll', darwin: 'libswing_store.dylib' }[process.platform];
  copyFileSync(path.join(target, 'release', library ?? 'libswing_store.so'), addon);
};

if (!existsSync(addon)) {
  try {
    build();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}
