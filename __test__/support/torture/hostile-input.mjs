// Imports randomly spoiled exports and bundles with the reference and with ours, and compares the results, the messages
// and, after a success, the tables. The reference checks bundles with `@endo/check-bundle`.
import { ZipWriter } from '@endo/zip';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { inspect } from 'node:util';
import { makeRandom } from '../../../bench/lib/random.mjs';
import { bundles, makeB1 } from '../common/bundles.mjs';
import { compareHostile } from './hostile-differences.mjs';
import { reference, subject } from '../common/implementations.mjs';
import { mutate } from '../common/spoil-export.mjs';
import { modes } from '../common/observe.mjs';
import { makePlainExporter, readPlain } from '../common/plain-exporter.mjs';
import { spoilPolicyBundle } from '../parity/bundle-policies.mjs';
import { recordChoices, shrinkChoices } from './shrink-choices.mjs';

const hash = (algorithm, bytes) => createHash(algorithm).update(bytes).digest('hex');

/** The reference's export of a small store. */
const makeExport = async dir => {
  const { initSwingStore, makeSwingStoreExporter } = reference.api;
  const { kernelStorage, hostStorage } = initSwingStore(dir, { keepSnapshots: true });
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  for (const key of ['a', 'b.c', 'é', 'local.x']) kvStore.set(key, `value of ${key}`);
  for (const vatID of ['v1', 'v2']) {
    transcriptStore.initTranscript(vatID);
    for (let span = 0; span < 3; span += 1) {
      for (let i = 0; i < 3; i += 1) transcriptStore.addItem(vatID, JSON.stringify({ d: ['message', span, i, 'é'] }));
      await snapStore.saveSnapshot(vatID, span * 3 + 2, [Buffer.from(`image ${vatID} ${span} `.repeat(40))]);
      await (span === 1 ? transcriptStore.rolloverIncarnation(vatID) : transcriptStore.rolloverSpan(vatID));
    }
    transcriptStore.addItem(vatID, 'the last');
  }
  for (const { id, bundle } of [bundles.b0a, bundles.b1a]) bundleStore.addBundle(id, bundle);
  await hostStorage.commit();
  await hostStorage.close();
  return readPlain(makeSwingStoreExporter(dir, { artifactMode: 'debug' }));
};

const words = [
  '\n',
  '\0',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '.',
  '-',
  '0',
  '1e3',
  'null',
  'true',
  '\\ud800',
  '{"a":',
  '[[[[',
  '__proto__',
  'toString',
  'PK\x03\x04',
  'PK\x01\x02',
  'PK\x05\x06',
  '\xff\xff\xff\xff',
  '\xff',
  '\xed\xa0\x80',
  '\xef\xbb\xbf',
  '../',
].map(word => Buffer.from(word, 'latin1'));

/** Changes some bytes of a text. */
const spoil = (bytes, below) => {
  let text = Buffer.from(bytes);
  for (let changes = 1 + below(3); changes > 0; changes -= 1) {
    const at = below(text.length + 1);
    const some = () => at + below(Math.min(text.length - at, 2 ** below(8)) + 1);
    const between = (end, ...middle) => Buffer.concat([text.subarray(0, at), ...middle, text.subarray(end)]);
    const kind = below(7);
    if (kind < 2 && at < text.length) text[at] ^= 2 ** below(8);
    else if (kind === 2 && at < text.length) text[at] = below(256);
    else if (kind === 3) text = between(some());
    else if (kind === 4) text = between(at, text.subarray(at, some()));
    else if (kind === 5) text = text.subarray(0, at);
    else text = between(at + below(3), words[below(words.length)]);
  }
  return text;
};

const record = (key, value) => ['addRecord', key, value];

/** Ways to spoil the meaning of records and artifacts. */
const meanings = [
  below => ['dropRecord', below(60)],
  below => ['duplicateRecord', below(60)],
  below => ['nullRecord', below(60)],
  below => ['nullAndBack', below(60)],
  below => ['rotateRecords', below(60)],
  () => ['reverseRecords'],
  below => [
    'changeField',
    below(60),
    ['startPos', 'endPos', 'incarnation', 'snapPos'][below(4)],
    [0, 3, 6, 2 ** 53 - 1, -1, -(2 ** 53) + 1][below(6)],
  ],
  below => ['changeField', below(60), ['hash', 'vatID'][below(2)], ['', '00', 'v2', null][below(4)]],
  below => ['changeField', below(60), ['isCurrent', 'inUse'][below(2)], [0, 1, 2, true, null, ''][below(6)]],
  below =>
    record(
      ['kv.', 'kv', '', 'kv.host.x', 'kv.local.x', 'transcript.v1', 'snapshot', 'bundle.b0-00'][below(8)],
      ['', 'x', '{}', 'null'][below(4)],
    ),
  below => ['dropArtifact', below(30)],
  below => ['listAbsent', below(30)],
  below => ['listTwice', below(30)],
  below => ['rotateArtifacts', below(30)],
  below => [
    'renameArtifact',
    below(30),
    ['transcript.v1.0.3', 'snapshot.v2.5', 'transcript.v1.0.9007199254740993', 'x.y', 'bundle.b1-00'][below(5)],
  ],
  below => ['truncateArtifact', below(30), 1 + below(40)],
  below => ['extendArtifact', below(30), ['x', '\n', '\0', 'x\n'][below(4)]],
  below => ['swapContents', below(30), below(30)],
];

// In these functions, the number 0 stands for no change, because shrinking replaces choices with it.
const spoilExport = (plain, below) => {
  const changes = [];
  for (let count = below(3); count > 0; count -= 1) changes.push(meanings[below(meanings.length)](below));
  const spoiled = mutate(plain, changes);
  if (below(3) === 2 && spoiled.artifacts.length) {
    const artifact = spoiled.artifacts[below(spoiled.artifacts.length)];
    artifact[1] = spoil(artifact[1], below);
  }
  if (below(3) === 2 && spoiled.data.length) {
    const entry = spoiled.data[below(spoiled.data.length)];
    const part = below(4) ? 1 : 0;
    if (typeof entry[part] === 'string') entry[part] = spoil(Buffer.from(entry[part]), below).toString();
  }
  return spoiled;
};

/** An archive of two modules. One of them has an alias. */
const mapOf = () => ({
  tags: [],
  entry: { compartment: 'a', module: './i.js' },
  compartments: {
    a: {
      name: 'p',
      label: 'p',
      location: 'a',
      modules: {
        './i.js': { location: 'i.js', parser: 'pre-mjs-json', sha512: hash('sha512', modules[0]) },
        './j.json': { location: 'j.json', parser: 'json' },
        k: { compartment: 'a', module: './j.json' },
      },
    },
  },
});

const modules = [
  JSON.stringify({
    imports: ['./j.json', 'k'],
    exports: [],
    reexports: [],
    __syncModuleProgram__: '() => {}',
    __liveExportMap__: {},
    __fixedExportMap__: {},
    __reexportMap__: {},
  }),
  '{"answer":42}',
];

const pack = files => {
  const writer = new ZipWriter({ date: new Date(0) });
  for (const [name, content] of files) writer.write(name, Buffer.from(content));
  return Buffer.from(writer.snapshot());
};

/** Changes a random part of a value. */
const changeValue = (value, below) => {
  const places = [];
  const visit = at => {
    for (const key of Object.keys(at)) {
      places.push([at, key]);
      if (typeof at[key] === 'object' && at[key]) visit(at[key]);
    }
  };
  visit(value);
  const [at, key] = places[below(places.length)];
  const values = [
    null,
    0,
    '',
    'a',
    './i.js',
    './j.json',
    'k',
    [],
    {},
    ['k'],
    true,
    'json',
    'text',
    'bytes',
    'pre-cjs-json',
    'b',
    '.',
  ];
  const others = [
    'exit',
    'deferredError',
    'policy',
    'scopes',
    'sha512',
    'parser',
    'module',
    'compartment',
    'location',
    'retained',
    '__proto__',
    'toString',
  ];
  if (below(4) === 0) delete at[key];
  else if (below(3) === 0 && !Array.isArray(at)) {
    Object.defineProperty(at, others[below(others.length)], {
      value: values[below(values.length)],
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else at[key] = values[below(values.length)];
};

const bundleMakers = [
  // A script, with the ID of its changed or of its original contents.
  below => {
    const { bundle, id } = bundles.b0a;
    const text = below(2) ? spoil(Buffer.from(JSON.stringify(bundle)), below) : Buffer.from(JSON.stringify(bundle));
    if (below(2)) return [id, text];
    try {
      const { moduleFormat, source, sourceMap } = JSON.parse(text);
      return [`b0-${hash('sha256', JSON.stringify({ moduleFormat, source, sourceMap }))}`, text];
    } catch {
      return [id, text];
    }
  },
  // The archive's bytes.
  below => {
    const { id, bytes } = makeB1('{"answer":42}');
    return [id, spoil(bytes, below)];
  },
  // The meaning or the text of the map, and the modules.
  below => {
    const map = mapOf();
    for (let count = below(3); count > 0; count -= 1) changeValue(map, below);
    let text = Buffer.from(JSON.stringify(map));
    if (below(5) === 4) text = spoil(text, below);
    const contents = modules.map(module => (below(6) < 5 ? module : spoil(Buffer.from(module), below)));
    const files = [
      ['compartment-map.json', text],
      ['a/i.js', contents[0]],
      ['a/j.json', contents[1]],
    ];
    if (below(12) === 11) files.push(['a/extra', 'x']);
    return [`b1-${hash('sha512', text)}`, pack(files)];
  },
  // What compartments may import.
  spoilPolicyBundle,
];

/** Spoils a bundle's ID and contents. */
export const spoilB1 = below => bundleMakers[1 + below(bundleMakers.length - 1)](below);

const spoilBundle = below => {
  const [id, bytes] = bundleMakers[below(bundleMakers.length)](below);
  return { data: [[`bundle.${id}`, id]], artifacts: [[`bundle.${id}`, bytes]] };
};

/** The entries of one list that another one lacks. */
const missingFrom = (those, these) => {
  const known = new Set(those.map(entry => inspect(entry)));
  return these.filter(entry => !known.has(inspect(entry)));
};

/** Describes how an input differs from the original. */
const describeChanges = (plain, spoiled) => {
  const [before, after] = [plain, spoiled].map(({ data, artifacts }) => [...data, ...artifacts]);
  const changes = { added: missingFrom(before, after), dropped: missingFrom(after, before) };
  return inspect(changes, { depth: 4, maxStringLength: 2000 });
};

/**
 * Imports spoiled exports and bundles with both implementations. For the first difference, looks for a simpler input that
 * has one, and reports that.
 *
 * @param {string} base a working directory
 * @param {{ rounds: number, seed: number, onRound?: (figures: object) => void }} options
 * @returns the numbers of inputs, of accepted ones, and of known differences by reason
 */
export const throwHostileInput = async (base, { rounds, seed, onRound = () => {} }) => {
  const plain = await makeExport(path.join(base, 'store'));
  const figures = { exports: 0, bundles: 0, accepted: 0, refused: 0, known: {} };
  let imports = 0;
  const play = async (below, round) => {
    const isBundle = below(2) === 0;
    const spoiled = isBundle ? spoilBundle(below) : spoilExport(plain, below);
    const artifactMode = isBundle ? 'debug' : modes[below(modes.length)];
    imports += 1;
    const dir = !isBundle && below(20) === 19 ? path.join(base, `import-${imports}`) : null;
    const what = `round ${round}, seed ${seed}`;
    const options = { artifactMode };
    try {
      const outcome = await compareHostile([subject, reference], dir, spoiled, makePlainExporter, options, what);
      return { isBundle, ...outcome };
    } catch (error) {
      const original = isBundle ? { data: [], artifacts: [] } : plain;
      error.message += `\nin mode ${artifactMode}, changes of the input: ${describeChanges(original, spoiled)}`;
      throw error;
    }
  };
  for (let round = 0; round < rounds; round += 1) {
    // Seeds each round separately, so that one round can be repeated.
    const { choices, below } = recordChoices(makeRandom(seed + round).below);
    const { isBundle, isImported, known } = await play(below, round).catch(async error => {
      const again = choose =>
        play(choose, round).catch(other => {
          if (other.constructor === error.constructor) throw other;
        });
      throw (await shrinkChoices(choices, again)) ?? error;
    });
    figures[isBundle ? 'bundles' : 'exports'] += 1;
    if (known) figures.known[known] = (figures.known[known] ?? 0) + 1;
    else figures[isImported ? 'accepted' : 'refused'] += 1;
    onRound(figures);
  }
  return figures;
};
