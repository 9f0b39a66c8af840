/**
 * Builds the addon and copies it to where the loader expects it, under the name that `napi build --platform` gives.
 *
 *     npm run build              as published
 *     npm run build:quick        faster to build, slower to run
 *
 * Runs cargo directly: the command-line tool of napi-rs needs a newer Node.js than this package.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { libraryName } from './release/platforms.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { NAME, platformName } = createRequire(import.meta.url)('../js/addon/platform.js');
const { profile } = parseArgs({ options: { profile: { type: 'string', default: 'release' } } }).values;

const args = ['build', '--locked', '--lib', '--profile', profile];
const { status, error } = spawnSync('cargo', args, { cwd: root, stdio: 'inherit' });
if (error) console.error(`could not run cargo: ${error.message}`);
if (status === 0) {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');
  const addon = path.join(root, `${NAME}.${platformName()}.node`);
  // Copied under another name first: a process that has loaded the old file must not see it change.
  copyFileSync(path.join(target, profile, libraryName({ os: process.platform })), `${addon}.new`);
  renameSync(`${addon}.new`, addon);
  // For the benchmark, whose results say how the addon was built.
  mkdirSync(path.join(root, '.cache'), { recursive: true });
  writeFileSync(path.join(root, '.cache', 'addon-profile'), profile);
} else {
  process.exitCode = 1;
}
