/**
 * Packs the packages, lays them out as npm would install them, and exercises the installation.
 *
 *     node scripts/release/smoke.mjs                            on this Node.js
 *     node scripts/release/smoke.mjs -- PROGRAM [ARGUMENT...]   on another Node.js
 *
 * The platform's binary in `npm/` must have been built. Needs neither the network nor development dependencies.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { layOut } from './lay-out.mjs';
import { pack } from './pack.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const { positionals } = parseArgs({ allowPositionals: true });
const [program, ...args] = positionals.length > 0 ? positionals : [process.execPath];
const scratch = mkdtempSync(path.join(tmpdir(), 'swing-store-smoke-'));
try {
  layOut(pack(path.join(scratch, 'packed')), scratch);
  cpSync(path.join(here, 'check-installed.mjs'), path.join(scratch, 'check-installed.mjs'));
  const { status, error } = spawnSync(program, [...args, path.join(scratch, 'check-installed.mjs')], {
    cwd: scratch,
    stdio: 'inherit',
  });
  if (error) throw error;
  process.exitCode = status ?? 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
