// Bundles of a package in every language, made by today's `@endo/bundle-source`, and archives with policies, made by
// `@endo/compartment-mapper`.
import bundleSource from '@endo/bundle-source';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const files = {
  'package.json': {
    name: 'app',
    version: '1.0.0',
    type: 'module',
    dependencies: { dep: '1.0.0', old: '1.0.0', att: '1.0.0' },
    parsers: { txt: 'text', bin: 'bytes' },
  },
  'index.js':
    "import dep, { more } from 'dep';\nimport data from './data.json';\nimport './words.txt';\nimport './bytes.bin';\n" +
    "export * from './other.js';\nexport { default as old } from 'old';\nexport const start = () => [dep, more, data];\n",
  'other.js': "// A comment\nexport let count = 0;\nexport const load = () => import('./data.json');\n",
  'typed.ts': "import { count } from './other.js';\nexport const twice = (x: number): number => x * count;\n",
  'data.json': '{ "answer": 42 }',
  'words.txt': 'words, é',
  'bytes.bin': '\0\x01',
  'node_modules/dep/package.json': { name: 'dep', version: '1.0.0', type: 'module' },
  'node_modules/dep/index.js': "export { default } from './inner/index.js';\nexport const more = globalThis.console;\n",
  'node_modules/dep/inner/index.js': 'export default 1;\n',
  'node_modules/old/package.json': { name: 'old', version: '1.0.0', main: 'main.js' },
  'node_modules/old/main.js': "const x = require('./lib/x');\ntry { require('nothing'); } catch {}\nexports.x = x;\n",
  'node_modules/old/lib/x.js': 'module.exports = { x: 1 };\n',
  'node_modules/att/package.json': { name: 'att', version: '1.0.0', type: 'module' },
  'node_modules/att/index.js':
    "import { made } from './made.js';\nexport const attenuateGlobals = (params, globals) => ({ made: made(params) });\n" +
    'export const attenuateModule = (params, original) => original;\n',
  'node_modules/att/made.js': 'export const made = params => String(params);\n',
};

const policies = {
  wildcards: {
    entry: { globals: 'any', packages: 'any', builtins: 'any', noGlobalFreeze: true },
    resources: { dep: { globals: 'any' } },
  },
  named: {
    entry: { globals: { console: true }, packages: { dep: true, old: true }, noGlobalFreeze: false },
    resources: { dep: { globals: { console: true } }, old: { builtins: { fs: true } } },
  },
  attenuated: {
    defaultAttenuator: 'att',
    entry: { globals: ['some'], packages: { dep: true, old: true } },
    resources: { dep: { globals: { attenuate: 'att', params: [1] } }, old: { builtins: { fs: { attenuate: 'att' } } } },
  },
};

/**
 * Makes all bundles in an empty directory.
 *
 * @param {string} directory
 * @returns {Promise<[string, [string, Buffer]][]>} names, and each bundle's ID and bytes
 */
export const makeCorpus = async directory => {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  }
  const found = [];
  for (const [name, entry, options] of [
    ['of modules', 'index.js', {}],
    ['without comments', 'index.js', { elideComments: true }],
    ['of types', 'typed.ts', {}],
    ['of CommonJS', 'node_modules/old/main.js', {}],
  ]) {
    const { endoZipBase64, endoZipBase64Sha512 } = await bundleSource(path.join(directory, entry), {
      format: 'endoZipBase64',
      ...options,
    });
    found.push([name, [`b1-${endoZipBase64Sha512}`, Buffer.from(endoZipBase64, 'base64')]]);
  }
  // Both versions: the one of `bundle-source`, and the one of the reference's publication.
  const here = createRequire(import.meta.url);
  const requires = { today: createRequire(here.resolve('@endo/bundle-source')), earlier: here };
  for (const [generation, require] of Object.entries(requires)) {
    const load = name => import(pathToFileURL(require.resolve(`@endo/compartment-mapper/${name}`)).href);
    const [{ makeAndHashArchive }, { makeReadPowers }] = await Promise.all([
      load('archive.js'),
      load('node-powers.js'),
    ]);
    const powers = makeReadPowers({
      fs: { promises: { readFile: async file => readFileSync(file), realpath: async file => file } },
      url: { fileURLToPath: url => new URL(url).pathname, pathToFileURL },
      crypto: { createHash },
    });
    for (const [name, policy] of Object.entries(policies)) {
      const entry = pathToFileURL(path.join(directory, 'index.js')).href;
      const { bytes, sha512 } = await makeAndHashArchive(powers, entry, { policy });
      found.push([`${name}, ${generation}`, [`b1-${sha512}`, Buffer.from(bytes)]]);
    }
  }
  return found;
};
