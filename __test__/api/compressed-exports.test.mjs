// Compressed exports: what they contain, every function that reads them, and damaged or crafted files.
import '@endo/init/debug.js';

import test from 'ava';

import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import * as api from '../../index.mjs';
import { runCli, runJson } from '../support/common/cli.mjs';
import { makeStore, manifestName, readAsCosmic, readFiles } from '../support/common/cosmic-directory.mjs';
import { readTables } from '../support/common/observe.mjs';
import { inTempDir } from '../support/common/world.mjs';

const {
  archiveSwingStore,
  diffSwingStores,
  exportSwingStoreToDirectory,
  importSwingStore,
  importSwingStoreFromDirectory,
  openSwingStore,
  pruneSwingStore,
  repopulateSwingStoreFromDirectory,
} = api;

const check = (title, fn) =>
  test(title, t =>
    inTempDir(async base => {
      const at = (...names) => path.join(base, ...names);
      await fn(t, at);
    }),
  );

/** Images that the compressor divides. */
const large = { items: 5, imageSize: 1_600_000 };

const makeBoth = async (at, size = { items: 5, imageSize: 20_000 }) => {
  await makeStore(api, at('store'), {}, size);
  const options = { artifactMode: 'debug' };
  const plain = await exportSwingStoreToDirectory(at('store'), at('plain'), options);
  const compressed = await exportSwingStoreToDirectory(at('store'), at('compressed'), { ...options, compress: true });
  return { plain, compressed };
};

const manifestOf = dir => JSON.parse(fs.readFileSync(path.join(dir, manifestName), 'utf8'));
const writeManifest = (dir, manifest) => fs.writeFileSync(path.join(dir, manifestName), JSON.stringify(manifest));

/** Imports, and returns all tables. */
const importedTables = async (from, to, options) => {
  const { hostStorage, debug } = await importSwingStoreFromDirectory(from, to, options);
  const tables = readTables(debug.getDatabase());
  await hostStorage.close();
  return tables;
};

check('a compressed export has the same artifacts, and the images of the store', async (t, at) => {
  const { plain, compressed } = await makeBoth(at, large);
  const [of, ofCompressed] = [at('plain'), at('compressed')].map(manifestOf);
  t.deepEqual(ofCompressed, {
    blockHeight: of.blockHeight,
    artifactMode: 'debug',
    compressed: true,
    artifacts: of.artifacts.map(([name, file]) => [name, `${file}.gz`]),
    data: of.data,
  });
  t.deepEqual(Object.keys(ofCompressed), ['blockHeight', 'artifactMode', 'compressed', 'artifacts', 'data']);
  t.deepEqual(
    fs.readdirSync(at('compressed')).sort(),
    [manifestName, of.data, ...of.artifacts.map(([name]) => `${name}.gz`)].sort(),
  );
  const { kernelStorage, hostStorage, internal } = openSwingStore(at('store'));
  const stored = internal.db
    .prepare('SELECT compressedSnapshot FROM snapshots WHERE vatID = ? AND snapPos = ?')
    .pluck();
  for (const [name] of of.artifacts) {
    const file = fs.readFileSync(at('compressed', `${name}.gz`));
    t.true(gunzipSync(file).equals(fs.readFileSync(at('plain', name))), name);
    const [kind, vatID, snapPos] = name.split('.');
    if (kind === 'snapshot') t.true(file.equals(stored.get(vatID, Number(snapPos))), name);
  }
  t.truthy(kernelStorage);
  await hostStorage.close();
  t.deepEqual(fs.readFileSync(at('compressed', of.data), 'utf8'), fs.readFileSync(at('plain', of.data), 'utf8'));
  // The size is that of the files.
  const sizeOf = dir =>
    fs
      .readdirSync(dir)
      .reduce((sum, name) => sum + (name === manifestName ? 0 : fs.statSync(path.join(dir, name)).size), 0);
  t.is(compressed.bytes, sizeOf(at('compressed')));
  t.is(plain.bytes, sizeOf(at('plain')));
  t.is(compressed.artifacts, plain.artifacts);
  t.false('reused' in compressed);
  // Deterministic, and the same files as in an archive.
  await exportSwingStoreToDirectory(at('store'), at('again'), { artifactMode: 'debug', compress: true });
  t.deepEqual(readFiles(at('again')), readFiles(at('compressed')));
  await archiveSwingStore(at('store'), at('archive'), { currentSpans: true });
  for (const [name, file] of Object.entries(readFiles(at('archive')))) t.is(file, readFiles(at('again'))[name], name);
});

check('a store imported from it equals one imported from a plain export', async (t, at) => {
  await makeBoth(at);
  for (const artifactMode of ['operational', 'debug']) {
    const [plain, compressed] = await Promise.all(
      ['plain', 'compressed'].map(name => importedTables(at(name), at(`from ${name}`), { artifactMode })),
    );
    t.deepEqual(compressed, plain, artifactMode);
  }
  fs.mkdirSync(at('made'));
  const { stdout } = await runCli(['import', '--state-dir', at('made'), '--export-dir', at('compressed')]);
  t.regex(stdout, /Imported block 42 in mode debug/);
});

check('gzip files of other programs are read, and their images compressed again', async (t, at) => {
  await makeBoth(at);
  const expected = await importedTables(at('plain'), at('from plain'));
  const parts = bytes => {
    const half = Math.ceil(bytes.length / 2);
    return [bytes.subarray(0, half), bytes.subarray(half)].filter(part => part.length > 0);
  };
  for (const [what, gzip] of Object.entries({
    'at another level': bytes => gzipSync(bytes, { level: 1 }),
    'of two members': bytes => Buffer.concat(parts(bytes).map(part => gzipSync(part))),
    'with a file name': bytes => {
      const file = gzipSync(bytes);
      file[3] = 8;
      return Buffer.concat([file.subarray(0, 10), Buffer.from('name\0'), file.subarray(10)]);
    },
  })) {
    for (const [name, file] of manifestOf(at('compressed')).artifacts) {
      fs.writeFileSync(at('compressed', file), gzip(fs.readFileSync(at('plain', name))));
    }
    t.deepEqual(await importedTables(at('compressed'), at('imported')), expected, what);
    fs.rmSync(at('imported'), { recursive: true });
  }
});

/** One member with the header of this package's encoder, with data that zlib has compressed. */
const framed = bytes => {
  const zipped = gzipSync(bytes, { level: 9 });
  const header = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 8, 0, 0x49, 0x47, 4, 0, 0, 0, 0, 0]);
  const file = Buffer.concat([header, zipped.subarray(10)]);
  file.writeUInt32LE(file.length, 16);
  return file;
};

check("an image with the structure of this package's encoder is stored as it is", async (t, at) => {
  await makeBoth(at);
  const [name, file] = manifestOf(at('compressed')).artifacts.find(([found]) => found === 'snapshot.v1.20');
  const image = fs.readFileSync(at('plain', name));
  const stored = async dir => {
    const { hostStorage, internal } = openSwingStore(at(dir));
    const found = internal.db.prepare('SELECT * FROM snapshots WHERE vatID = ? AND snapPos = ?').get('v1', 20);
    await hostStorage.close();
    return found;
  };
  const made = framed(image);
  const before = await stored('store');
  t.false(made.equals(before.compressedSnapshot));
  for (const [bytes, isTaken] of [
    [made, true],
    // The structure is right, and the data does not fill the block.
    [framed(image.subarray(1)), undefined],
    // A zero byte in the member's length.
    [Buffer.concat([made.subarray(0, -8), Buffer.alloc(1), made.subarray(-8)]), undefined],
    [gzipSync(image, { level: 9 }), false],
  ]) {
    if (isTaken === undefined && bytes.length === made.length + 1) bytes.writeUInt32LE(bytes.length, 16);
    fs.writeFileSync(at('compressed', file), bytes);
    const importing = importSwingStoreFromDirectory(at('compressed'), at('imported'));
    await pruneImage(at('store'));
    const { refused } = await repopulateSwingStoreFromDirectory(at('compressed'), at('store'));
    if (isTaken === undefined) {
      await t.throwsAsync(importing);
      t.is(refused[0]?.name, name);
      continue;
    }
    const { hostStorage } = await importing;
    await hostStorage.commit();
    await hostStorage.close();
    for (const dir of ['imported', 'store']) {
      const { compressedSnapshot, compressedSize, ...others } = await stored(dir);
      t.true(compressedSnapshot.equals(isTaken ? made : before.compressedSnapshot), dir);
      t.is(compressedSize, compressedSnapshot.length);
      t.is(others.uncompressedSize, image.length);
    }
    fs.rmSync(at('imported'), { recursive: true });
  }
});

check('the manifest says which files are compressed', async (t, at) => {
  await makeBoth(at);
  const expected = await importedTables(at('plain'), at('from plain'));
  const manifest = manifestOf(at('compressed'));
  // Names do not count if the manifest says it.
  const renamed = manifest.artifacts.map(([name], i) => [name, `file-${i}`]);
  renamed.forEach(([, file], i) => fs.copyFileSync(at('compressed', manifest.artifacts[i][1]), at('compressed', file)));
  writeManifest(at('compressed'), { ...manifest, artifacts: renamed });
  t.deepEqual(await importedTables(at('compressed'), at('one')), expected);
  // Otherwise, `.gz` is what archives add to names.
  const { compressed: _, ...silent } = manifest;
  writeManifest(at('compressed'), silent);
  t.deepEqual(await importedTables(at('compressed'), at('two')), expected);
  writeManifest(at('compressed'), { ...manifest, compressed: false });
  await t.throwsAsync(importedTables(at('compressed'), at('three')), { message: /hash/ });
  for (const compressed of ['yes', 1, null]) {
    writeManifest(at('compressed'), { ...manifest, compressed });
    await t.throwsAsync(importedTables(at('compressed'), at('four')), {
      code: 'ERR_SWING_STORE_MANIFEST',
      message: /compressed is of type .*must be true or false/,
    });
  }
  // With both kinds of files in the directory, those of the manifest are read.
  const [[name, file]] = manifest.artifacts;
  fs.writeFileSync(at('compressed', name), 'something else');
  fs.writeFileSync(at('plain', file), 'something else');
  writeManifest(at('compressed'), manifest);
  t.deepEqual(await importedTables(at('compressed'), at('five')), expected);
  t.deepEqual(await importedTables(at('plain'), at('six')), expected);
  writeManifest(at('compressed'), { ...manifest, artifacts: [[name, name], ...manifest.artifacts] });
  await t.throwsAsync(importedTables(at('compressed'), at('seven')), { message: /lists the artifact .* twice/ });
});

check('cosmic-swingset refuses it, because the hashes differ', async (t, at) => {
  await makeBoth(at);
  const exporter = await readAsCosmic(at('compressed'));
  await t.throwsAsync(importSwingStore(exporter, at('imported'), { artifactMode: 'debug' }));
  t.false(fs.existsSync(at('imported', 'swingstore.sqlite')));
});

check('other functions read it, too', async (t, at) => {
  await makeBoth(at);
  const bytesOfAll = { contents: true };
  t.like(await diffSwingStores(at('plain'), at('compressed'), bytesOfAll), { same: true, differences: [] });
  t.like(await diffSwingStores(at('compressed'), at('store'), bytesOfAll), { same: true, differences: [] });
  await pruneSwingStore(at('store'), { keep: 'operational' });
  const { filled, refused, missing } = await repopulateSwingStoreFromDirectory(at('compressed'), at('store'), {
    artifactMode: 'debug',
  });
  t.true(filled.some(name => name.startsWith('snapshot.')) && filled.some(name => name.startsWith('transcript.')));
  t.deepEqual([refused, missing], [[], []]);
  await exportSwingStoreToDirectory(at('store'), at('again'), { artifactMode: 'debug', compress: true });
  t.deepEqual(readFiles(at('again')), readFiles(at('compressed')));
  const [, file] = manifestOf(at('compressed')).artifacts.find(([name]) => name.startsWith('snapshot'));
  fs.writeFileSync(at('compressed', file), gzipSync('x'));
  const { same, differences } = await diffSwingStores(at('compressed'), at('store'), bytesOfAll);
  t.deepEqual([same, differences.length], [false, 1]);
});

/** Removes the image that is in use, but not its record. */
const pruneImage = async dir => {
  const { hostStorage, internal } = openSwingStore(dir);
  internal.db.prepare("UPDATE snapshots SET compressedSnapshot = NULL WHERE vatID = 'v1' AND snapPos = 20").run();
  await hostStorage.commit();
  await hostStorage.close();
};

const damages = {
  truncated: [file => file.subarray(0, -1), /ends too early/],
  empty: [() => Buffer.alloc(0), /ends too early/],
  'followed by a zero byte': [file => Buffer.concat([file, Buffer.alloc(1)]), /ends too early|other data follows/],
  'followed by zero bytes': [file => Buffer.concat([file, Buffer.alloc(512)]), /other data follows/],
  'followed by text': [file => Buffer.concat([file, Buffer.from('and some text')]), /other data follows/],
  'followed by an empty member': [file => Buffer.concat([file, gzipSync('')]), /part without data/],
  'plain text': [() => Buffer.from('plain text, not compressed'), /does not start as one/],
  'with a wrong checksum': [
    file => {
      file[file.length - 8] ^= 1;
      return file;
    },
    /does not match its checksum/,
  ],
  'with a wrong length': [
    file => {
      file[file.length - 4] ^= 1;
      return file;
    },
    /does not match its checksum/,
  ],
  'with other contents': [() => gzipSync('other contents'), /hash|not complete|bundle|zip/],
  'with its contents twice': [file => Buffer.concat([file, file]), /hash|not complete|too long|End of data|UNIQUE/],
};

check('damaged files are refused by import and by repopulate', async (t, at) => {
  await makeBoth(at);
  const { artifacts } = manifestOf(at('compressed'));
  await pruneSwingStore(at('store'), { keep: 'operational' });
  for (const kind of ['transcript.v1.0.', 'snapshot.v1.5', 'bundle.b1']) {
    const [name, file] = artifacts.find(([found]) => found.startsWith(kind));
    const good = fs.readFileSync(at('compressed', file));
    for (const [what, [damage, message]] of Object.entries(damages)) {
      fs.writeFileSync(at('compressed', file), damage(Buffer.from(good)));
      const importing = importSwingStoreFromDirectory(at('compressed'), at('imported'), { artifactMode: 'debug' });
      const error = await t.throwsAsync(importing, { message }, `${kind} ${what}`);
      if (/gzip file/.test(error.message)) {
        t.true(error.message.startsWith(`${at('compressed', file)} is not an intact gzip file: `), error.message);
      }
      t.deepEqual(fs.readdirSync(at('imported')), []);
    }
    // A span of another vat and a snapshot of another position.
    const [, other] = artifacts.find(([found]) => found !== name && found.startsWith(kind.slice(0, 8)));
    if (!kind.startsWith('bundle')) {
      fs.copyFileSync(at('compressed', other), at('compressed', file));
      const importing = importSwingStoreFromDirectory(at('compressed'), at('imported'), { artifactMode: 'debug' });
      await t.throwsAsync(importing, { message: /hash/ });
    }
    fs.writeFileSync(at('compressed', file), good);
    if (kind.startsWith('bundle')) continue;
    for (const [what, [damage, message]] of Object.entries(damages)) {
      fs.mkdirSync(at('archive'));
      fs.writeFileSync(at('archive', file), damage(Buffer.from(good)));
      const { filled, refused } = await repopulateSwingStoreFromDirectory(at('archive'), at('store'), {
        artifactMode: 'debug',
      });
      t.deepEqual(filled, [], what);
      t.is(refused[0].name, name);
      t.regex(refused[0].reason, message, what);
      fs.rmSync(at('archive'), { recursive: true });
    }
  }
});

check('options that do not fit are refused, and nothing is written', async (t, at) => {
  await makeStore(api, at('store'));
  const refused = async (options, message) => {
    const exporting = exportSwingStoreToDirectory(at('store'), at('export'), options);
    await t.throwsAsync(exporting, { code: 'ERR_SWING_STORE_ARGUMENT', message });
    t.false(fs.existsSync(at('export')));
  };
  await refused({ compress: 'yes' }, /compress must be a boolean/);
  await refused({ compres: true }, /Did you mean "compress"\?/);
  await refused({ compressed: true }, /Did you mean "compress"\?/);
  await refused({ compress: true, artifactMode: 'none' }, /nothing to compress/);
  const cli = await runCli([
    'export',
    '--state-dir',
    at('store'),
    '--export-dir',
    at('export'),
    '--compress',
    '--artifact-mode',
    'none',
  ]);
  t.is(cli.code, 2);
  t.regex(cli.stderr, /nothing to compress or to reuse/);
  const misspelled = await runCli(['export', '--state-dir', at('store'), '--export-dir', at('export'), '--compres']);
  t.is(misspelled.code, 2);
  t.regex(misspelled.stderr, /--compress/);
  t.false(fs.existsSync(at('export')));
  const json = await runJson(['export', '--state-dir', at('store'), '--export-dir', at('export'), '--compress']);
  t.like(json, { command: 'export', compress: true, artifacts: 6 });
  t.true(manifestOf(at('export')).compressed);
});
