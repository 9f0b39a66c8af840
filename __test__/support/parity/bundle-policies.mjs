// Makes archives whose compartments have policies: attenuators of globals and builtins, wildcards, several compartments in
// every language. They are valid or randomly spoiled.
import { ZipWriter } from '@endo/zip';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

const sha512 = bytes => createHash('sha512').update(bytes).digest('hex');

const esm = (imports, exported, program, more = {}) =>
  JSON.stringify({
    imports,
    exports: exported,
    reexports: [],
    __syncModuleProgram__: program,
    __liveExportMap__: {},
    __fixedExportMap__: Object.fromEntries(exported.map(name => [name, [name]])),
    __reexportMap__: {},
    ...more,
  });

const cjs = (imports, exported, body, more = {}) =>
  JSON.stringify({
    imports,
    exports: exported,
    reexports: [],
    source: `(function (require, exports, module, __filename, __dirname) { 'use strict'; ${body} })`,
    ...more,
  });

const attenuates = (imports, body = '') =>
  esm(
    imports,
    ['attenuateGlobals'],
    `({ imports, onceVar, import: load }) => { imports([${imports.map(name => `[${JSON.stringify(name)}, []]`)}]); ${body}; onceVar.attenuateGlobals((params, globals) => ({ answer: 42 })); }`,
  );

/** Attenuators by name. The reference runs them. */
export const attenuators = {
  esm: { parser: 'pre-mjs-json', text: attenuates([]) },
  importing: { parser: 'pre-mjs-json', text: attenuates(['./helper.js', './data.json']) },
  cjs: { parser: 'pre-cjs-json', text: cjs([], ['attenuateGlobals'], 'exports.attenuateGlobals = () => ({});') },
  requiring: {
    parser: 'pre-cjs-json',
    text: cjs(['./helper.js'], ['attenuateGlobals'], 'require("./helper.js"); exports.attenuateGlobals = () => {};'),
  },
  unannounced: {
    parser: 'pre-cjs-json',
    text: cjs([], [], 'module.exports = { attenuateGlobals: () => ({}) };'),
  },
};

/** Programs that fail only when they run. */
export const failingAttenuators = {
  throwing: { parser: 'pre-mjs-json', text: attenuates([], 'throw Error("no")') },
  misspelt: { parser: 'pre-mjs-json', text: attenuates([], '(') },
  broken: { parser: 'pre-cjs-json', text: cjs([], ['attenuateGlobals'], 'null.x') },
};

/** A program that imports a module missing from its record: the file of `./helper.js`. */
export const computingAttenuator = {
  parser: 'pre-mjs-json',
  text: esm(
    [],
    ['attenuateGlobals'],
    "({ imports, onceVar, import: load }) => { imports([]); load('./help' + 'er.js'); onceVar.attenuateGlobals(() => ({})); }",
    { __needsImport__: true },
  ),
};

/** Attenuators that always fail. */
export const impossibleAttenuators = {
  exportless: { parser: 'pre-mjs-json', text: esm([], ['x'], '({ imports }) => { imports([]); }') },
  data: { parser: 'json', text: '{"attenuateGlobals":1}' },
  text: { parser: 'text', text: 'attenuateGlobals' },
  mapless: { parser: 'pre-mjs-json', text: JSON.stringify({ imports: [], exports: [], __syncModuleProgram__: '' }) },
  listless: { parser: 'pre-cjs-json', text: JSON.stringify({ imports: [], source: '() => {}' }) },
  missing: { parser: 'pre-mjs-json', text: attenuates(['./nothing.js']) },
};

const attenuations = [['x'], [], { attenuate: 'named' }, { attenuate: 'named', params: [1] }, { attenuate: '' }];

const plainGlobals = ['any', {}, { console: true, Date: false }, { root: true, '*': true }];

const builtins = [
  'any',
  { fs: true },
  { fs: { attenuate: 'named', params: ['x'] } },
  { fs: ['x'] },
  { fs: { attenuate: 'absent' } },
];

/**
 * Makes an archive whose entry package uses another package, whose globals an attenuator of a third may set.
 *
 * @param {{ attenuator: { parser: string, text: string }, globals?: any, default?: string, policy?: object }} options
 */
export const makePolicyBundle = ({
  attenuator,
  globals = ['x'],
  default: defaultAttenuator = 'named',
  policy = {},
}) => {
  const files = {
    'app-v1/index.js': esm(['./data.json', 'dep', './old.cjs'], [], '({ imports }) => { imports([]); }'),
    'app-v1/data.json': '{"answer":42}',
    'app-v1/old.cjs': cjs(['dep', 'fs'], [], ''),
    'dep-v1/index.js': esm(['./words.txt', './bytes.bin'], ['default'], '({ imports }) => { imports([]); }'),
    'dep-v1/words.txt': 'words',
    'dep-v1/bytes.bin': '\0\xff',
    'att-v1/index.js': attenuator.text,
    'att-v1/helper.js': esm([], [], '({ imports }) => { imports([]); }'),
    'att-v1/data.json': '[]',
  };
  if (!attenuator.text.includes('./help')) delete files['att-v1/helper.js'];
  if (!attenuator.text.includes('./data.json')) delete files['att-v1/data.json'];
  const module = (place, parser) => ({
    location: place.split('/')[1],
    parser,
    ...(files[place] === undefined ? {} : { sha512: sha512(files[place]) }),
  });
  const compartment = (name, modules, more = {}) => ({
    name,
    label: `${name}-v1`,
    location: `${name}-v1`,
    modules,
    ...more,
  });
  const map = {
    tags: [],
    entry: { compartment: 'app-v1', module: './index.js' },
    compartments: {
      '<ATTENUATORS>': {
        name: '<ATTENUATORS>',
        label: '<ATTENUATORS>',
        location: '<ATTENUATORS>',
        modules: { named: { compartment: 'att-v1', module: './index.js' } },
        policy: { defaultAttenuator, packages: 'any' },
      },
      'app-v1': compartment(
        'app',
        {
          './index.js': module('app-v1/index.js', 'pre-mjs-json'),
          './data.json': module('app-v1/data.json', 'json'),
          './old.cjs': module('app-v1/old.cjs', 'pre-cjs-json'),
          dep: { compartment: 'dep-v1', module: './index.js' },
          fs: { deferredError: 'no fs' },
        },
        { policy: { packages: { dep: true }, globals: 'any', builtins: 'any', noGlobalFreeze: true } },
      ),
      'att-v1': compartment('att', {
        './index.js': module('att-v1/index.js', attenuator.parser),
        './helper.js': module('att-v1/helper.js', 'pre-mjs-json'),
        './data.json': module('att-v1/data.json', 'json'),
      }),
      'dep-v1': compartment(
        'dep',
        {
          './index.js': module('dep-v1/index.js', 'pre-mjs-json'),
          './words.txt': module('dep-v1/words.txt', 'text'),
          './bytes.bin': module('dep-v1/bytes.bin', 'bytes'),
        },
        { policy: { globals, ...policy } },
      ),
    },
  };
  return { map, files };
};

/** The ID and the bytes of an archive. */
export const packPolicyBundle = ({ map, files }) => {
  const text = JSON.stringify(map);
  const writer = new ZipWriter({ date: new Date(0) });
  writer.write('compartment-map.json', Buffer.from(text));
  for (const [name, content] of Object.entries(files)) writer.write(name, Buffer.from(content));
  return [`b1-${sha512(text)}`, Buffer.from(writer.snapshot())];
};

/** Values that replace a part of the map. */
const values = [
  null,
  true,
  false,
  0,
  1,
  '',
  'any',
  'named',
  'absent',
  'root',
  '*',
  './index.js',
  './helper.js',
  './nothing.js',
  'app-v1',
  'dep-v1',
  'att-v1',
  '<ATTENUATORS>',
  'toString',
  'pre-mjs-json',
  'pre-cjs-json',
  'mjs',
  'json',
  'bytes',
  'ts',
  [],
  {},
  ['any'],
  { attenuate: 'named' },
  { attenuate: './index.js', params: 'x' },
  { attenuate: 'absent', params: [] },
  { named: true },
  { NaN: true },
  { attenuateGlobals: true },
  { compartment: 'att-v1', module: './index.js' },
  { compartment: 'app-v1', module: './index.js' },
  { compartment: 'dep-v1', module: { attenuateGlobals: 1 } },
  { deferredError: 'later' },
];

/** Properties to add. */
const keys = [
  'policy',
  'globals',
  'packages',
  'builtins',
  'noGlobalFreeze',
  'defaultAttenuator',
  'options',
  'attenuate',
  'params',
  'deferredError',
  'sha512',
  'parser',
  'location',
  'compartment',
  'module',
  'exit',
  'named',
  'absent',
  './index.js',
  './helper.js',
  '<ATTENUATORS>',
  'retained',
  'createdBy',
  'patterns',
  'scopes',
  'types',
  'parsers',
  'label',
  'version',
  'sourceDirname',
];

const spoilMap = (map, below) => {
  const places = [];
  const visit = at => {
    for (const key of Object.keys(at)) {
      // Concentrates on policies.
      const weight = ['policy', 'globals', 'builtins', '<ATTENUATORS>', 'defaultAttenuator'].includes(key) ? 4 : 1;
      for (let i = 0; i < weight; i += 1) places.push([at, key]);
      if (typeof at[key] === 'object' && at[key]) visit(at[key]);
    }
  };
  visit(map);
  const [at, key] = places[below(places.length)];
  const value = structuredClone(values[below(values.length)]);
  const kind = below(4);
  if (kind === 0) delete at[key];
  else if (kind === 1 && !Array.isArray(at)) at[keys[below(keys.length)]] = value;
  else if (kind === 2 && typeof at[key] === 'object' && at[key] && !Array.isArray(at[key])) {
    at[key][keys[below(keys.length)]] = value;
  } else at[key] = value;
};

/** Spoils the meaning of a module's record, and keeps its program. */
const spoilRecord = (text, below) => {
  let record;
  try {
    record = JSON.parse(text);
  } catch {
    return text;
  }
  const fields = [
    'imports',
    'exports',
    'reexports',
    '__liveExportMap__',
    '__fixedExportMap__',
    '__reexportMap__',
    '__needsImport__',
    'extra',
  ];
  const some = [
    undefined,
    null,
    [],
    {},
    ['x'],
    ['x', 'x'],
    ['./helper.js'],
    ['./index.js'],
    ['attenuateGlobals'],
    { x: 1 },
    { x: ['x', true] },
    { attenuateGlobals: ['attenuateGlobals'] },
    { './helper.js': [['x', 'attenuateGlobals']] },
    true,
    1,
    '',
    'x',
  ];
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return text;
  record[fields[below(fields.length)]] = some[below(some.length)];
  return JSON.stringify(record);
};

/**
 * Makes an archive with policies, which is sometimes spoiled.
 *
 * @param {(limit: number) => number} below
 * @returns {[string, Buffer]} its ID, and its bytes
 */
export const spoilPolicyBundle = below => {
  const pick = list => list[below(list.length)];
  const kinds = below(8) ? attenuators : impossibleAttenuators;
  const { map, files } = makePolicyBundle({
    attenuator: pick(Object.values(kinds)),
    globals: pick(below(3) ? attenuations : plainGlobals),
    default: pick(['named', 'named', 'named', 'named', 'named', 'named', 'absent', '']),
    policy: below(2) ? { builtins: pick(builtins) } : {},
  });
  if (below(4) === 0) {
    const places = Object.keys(files);
    const place = pick(places);
    const honest = sha512(files[place]);
    files[place] = spoilRecord(files[place], below);
    // With the correct hash, without a hash, or with a wrong one.
    if (below(3)) {
      for (const { modules } of Object.values(map.compartments)) {
        for (const module of Object.values(modules)) {
          if (module.sha512 === honest) {
            if (below(2)) module.sha512 = sha512(files[place]);
            else delete module.sha512;
          }
        }
      }
    }
  }
  if (below(20) === 0) delete files[pick(Object.keys(files))];
  if (below(20) === 0) files[pick(['att-v1/extra.js', 'app-v1/x', 'x'])] = 'extra';
  for (let count = pick([0, 1, 1, 1, 2, 3]); count > 0; count -= 1) spoilMap(map, below);
  return packPolicyBundle({ map, files });
};
