/**
 * Checks that the source package contains everything the compiler needs, by running `cargo check` on it.
 *
 *     node scripts/release/check-source.mjs
 *
 * Reuses the dependencies that `cargo clippy` has compiled.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { layOut } from './lay-out.mjs';
import { pack } from './pack.mjs';
import { main } from './packages.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(path.join(tmpdir(), 'swing-store-source-'));
try {
  const name = `${main().name}-source`;
  const packed = pack(path.join(scratch, 'packed'), { binary: () => '' });
  layOut(
    packed.filter(each => each.name === name),
    scratch,
  );
  const { status, error } = spawnSync('cargo', ['check', '--lib', '--locked'], {
    cwd: path.join(scratch, 'node_modules', name),
    env: { ...process.env, CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? path.join(root, 'target') },
    stdio: 'inherit',
  });
  if (error) throw error;
  process.exitCode = status ?? 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
