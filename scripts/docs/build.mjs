/**
 * Builds the API documentation: `target/typedoc` from `index.d.ts` and the pages in `docs/`, and `target/doc` from the crate.
 * A warning is an error, and so is an undocumented export, option or field.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const typedoc = path.join(path.dirname(createRequire(import.meta.url).resolve('typedoc/package.json')), 'bin/typedoc');
const strict = { RUSTDOCFLAGS: '-D warnings' };

const steps = [
  [process.execPath, [typedoc, '--options', 'scripts/docs/typedoc.json']],
  // Public documentation must not link to private items, so the crate is documented first without them, then with them.
  ['cargo', ['doc', '--locked', '--no-deps'], strict],
  ['cargo', ['doc', '--locked', '--no-deps', '--document-private-items'], strict],
];

for (const [program, args, env] of steps) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) console.error(`could not run ${program}: ${error.message}`);
  if (status !== 0) {
    process.exitCode = 1;
    break;
  }
}
