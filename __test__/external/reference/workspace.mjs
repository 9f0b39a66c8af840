// The directory in which the reference's tests run.
//
// The tests are unchanged. They import `../src/NAME.js`, so the directory has a
// `src` of shims next to `test`. They import two packages that must be replaced,
// so the directory has its own `node_modules`, which Node.js searches before the
// project's:
//
//   package.json                    the configuration of ava
//   test/                           the published tests, copied
//   src/NAME.js                     re-exports the subject's counterpart
//   node_modules/better-sqlite3/    re-exports the subject's driver
//   node_modules/@agoric/internal/  the real package, with the missing file

import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

const put = (file, text) => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
};

const json = value => `${JSON.stringify(value, null, 2)}\n`;

/**
 * `@agoric/internal` is published without its `tools` directory, from which the
 * tests import one file. The rest are links to the real package. Node.js
 * resolves them to their targets, so no module is loaded twice.
 */
const addInternalPackage = (dir, internalDir) => {
  const target = join(dir, 'node_modules', '@agoric', 'internal');
  mkdirSync(target, { recursive: true });
  for (const entry of readdirSync(internalDir)) {
    if (entry !== 'tools') {
      symlinkSync(join(internalDir, entry), join(target, entry));
    }
  }
  cpSync(join(here, 'ava-assertions.mjs'), join(target, 'tools', 'ava-assertions.js'));
};

/**
 * @param {string} dir an empty directory, from where Node finds the project's
 *   packages
 * @param {object} parts
 * @param {string} parts.referenceDir the reference's package
 * @param {string} parts.internalDir the `@agoric/internal` package
 * @param {Record<string, string>} parts.sources text of the shims, by name
 * @param {string} parts.driver text of the shim for `better-sqlite3`
 * @returns {string[]} the test files, relative to `dir`
 */
export const layOut = (dir, { referenceDir, internalDir, sources, driver }) => {
  put(
    join(dir, 'package.json'),
    json({
      name: 'swing-store-reference-tests',
      version: '0.0.0',
      private: true,
      type: 'module',
      ava: {
        files: ['test/**/*.test.js'],
        require: ['@endo/init/debug.js'],
        timeout: '5m',
      },
    }),
  );
  cpSync(join(referenceDir, 'test'), join(dir, 'test'), { recursive: true });
  for (const [name, text] of Object.entries(sources)) {
    put(join(dir, 'src', name), text);
  }
  put(
    join(dir, 'node_modules', 'better-sqlite3', 'package.json'),
    json({ name: 'better-sqlite3', type: 'module', exports: './index.js' }),
  );
  put(join(dir, 'node_modules', 'better-sqlite3', 'index.js'), driver);
  addInternalPackage(dir, internalDir);
  return readdirSync(join(dir, 'test'), { recursive: true })
    .filter(file => file.endsWith('.test.js'))
    .map(file => join('test', file))
    .sort();
};
