/**
 * Builds the addon and puts it where the loader looks for it, under the name that `napi build --platform` gives.
 *
 *     npm run build              as it is published
 *     npm run build:quick        faster to build, slower to run
 *
 * Cargo does the work. The command-line tool of napi-rs, which would do the same, needs a newer Node.js than this
 * package does.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { libraryName } from './release/platforms.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { NAME, platformName } = createRequire(import.meta.url)('../js/addon/platform.js');
const { profile } = parseArgs({ options: { profile: { type: 'string', default: 'release' } } }).values;

const args = ['build', '--locked', '--lib', '--features', 'allocator', '--profile', profile];
const { status, error } = spawnSync('cargo', args, { cwd: root, stdio: 'inherit' });
if (error) console.error(`cargo could not be run: ${error.message}`);
if (status === 0) {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');
  const addon = path.join(root, `${NAME}.${platformName()}.node`);
  // By another name first, since a process that has the old one loaded must not see it change.
  copyFileSync(path.join(target, profile, libraryName({ os: process.platform })), `${addon}.new`);
  renameSync(`${addon}.new`, addon);
} else {
  process.exitCode = 1;
}
