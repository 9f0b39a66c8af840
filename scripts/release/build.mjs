/**
 * Builds the addon for a platform into that platform's package in `npm/`.
 *
 *     node scripts/release/build.mjs --platform linux-arm64-musl
 *
 * cargo-zigbuild builds the binaries for Linux: with Zig's compiler and C libraries, any machine can build all of them, for
 * the oldest C library that Node.js 20 supports. The others are built on their own platforms. Rust's target must be
 * installed (`rustup target add`).
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { libraryName, platformNamed } from './platforms.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { NAME } = createRequire(import.meta.url)('../../js/addon/platform.js');

const { values } = parseArgs({ options: { platform: { type: 'string' } } });
const platform = platformNamed(values.platform ?? '');
const { name, target, zigTarget, libc } = platform;

// Rust links statically for musl by default, which does not work for a shared library.
const flags = [process.env.RUSTFLAGS, libc === 'musl' && '-C target-feature=-crt-static'].filter(Boolean).join(' ');
const args = [zigTarget ? 'zigbuild' : 'build', '--locked', '--lib', '--release', '--target', zigTarget ?? target];
const { status, error } = spawnSync('cargo', args, {
  cwd: root,
  env: { ...process.env, ...(flags && { RUSTFLAGS: flags }) },
  stdio: 'inherit',
});
if (error || status !== 0) {
  const advice = zigTarget ? ' It needs Zig and cargo-zigbuild ("cargo install --locked cargo-zigbuild").' : '';
  console.error(`"cargo ${args.join(' ')}" failed (${error?.message ?? `exit code ${status}`}).${advice}`);
  process.exit(1);
}
const built = path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, 'target'), target, 'release');
const addon = path.join(root, 'npm', name, `${NAME}.${name}.node`);
copyFileSync(path.join(built, libraryName(platform)), addon);
console.log(`${path.relative(root, addon)}: ${(statSync(addon).size / 1e6).toFixed(1)} MB`);
