// The implementations that the reference's tests can test. A subject provides the
// files for the tests' imports of `../src/NAME.js`, and the driver for
// `better-sqlite3`.

import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const url = file => JSON.stringify(pathToFileURL(file).href);

/** Re-exports everything that an ES module exports. */
const reexportAll = file => `export * from ${url(file)};\n`;

/**
 * Re-exports some names of CommonJS modules. They are read from the module
 * object, not imported by name: Node only guesses a CommonJS module's names.
 */
const reexportFromCommonJS = (root, files) =>
  Object.entries(files)
    .map(
      ([file, names], index) =>
        `import from${index} from ${url(join(root, 'js', file))};\n` +
        `export const { ${names.join(', ')} } = from${index};\n`,
    )
    .join('');

/**
 * The reference's internal helpers that its tests import, and our files with the same functions, which are not public.
 */
const ourHelpers = {
  'hasher.js': { 'common/hasher.js': ['createSHA256'] },
  'util.js': { 'common/streams.js': ['buffer'], 'common/paths.js': ['dbFileInDirectory'] },
};

const ours = root => ({
  title: 'swing-store-native',
  sourceShim: name =>
    name in ourHelpers ? reexportFromCommonJS(root, ourHelpers[name]) : reexportAll(join(root, 'index.mjs')),
  driverShim: () => `export { Database as default } from ${url(join(root, 'index.mjs'))};\n`,
});

const reference = (root, referenceDir) => ({
  title: '@agoric/swing-store, as published',
  sourceShim: name => reexportAll(join(referenceDir, 'src', name)),
  driverShim: () => {
    const { resolve } = createRequire(join(referenceDir, 'package.json'));
    return `export { default } from ${url(resolve('better-sqlite3'))};\n`;
  },
});

const subjects = { ours, reference };

export const subjectNames = Object.keys(subjects);

/**
 * @param {string} name one of `subjectNames`
 * @param {{ root: string, referenceDir: string }} where
 */
export const makeSubject = (name, { root, referenceDir }) => {
  const { title, sourceShim, driverShim } = subjects[name](root, referenceDir);
  const sources = readdirSync(join(referenceDir, 'src'))
    .filter(file => file.endsWith('.js'))
    .map(file => [file, sourceShim(file)]);
  return { title, sources: Object.fromEntries(sources), driver: driverShim() };
};
