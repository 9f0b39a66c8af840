// Exports that reuse the files of a previous one: which, how, and what they leave alone.
import test from 'ava';

import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

import * as api from '../../index.mjs';
import { runCli, runJson } from '../support/common/cli.mjs';
import { makeStore, manifestName, readFiles } from '../support/common/cosmic-directory.mjs';
import { needing } from '../support/common/requirements.mjs';
import { inTempDir } from '../support/common/world.mjs';

const { exportSwingStoreToDirectory, importSwingStoreFromDirectory, openSwingStore } = api;

const check = (title, fn) =>
  test(title, t =>
    inTempDir(async base => {
      await fn(t, (...names) => path.join(base, ...names));
    }),
  );

const debug = { artifactMode: 'debug' };
const inode = file => fs.statSync(file).ino;
const isArtifact = name => /^(transcript|snapshot|bundle)\./.test(name);

/** Makes a store and an export of it. */
const makePrevious = async (at, options = {}) => {
  await makeStore(api, at('store'));
  return exportSwingStoreToDirectory(at('store'), at('monday'), { ...debug, ...options });
};

/** A block: v1 gets an item, and v2's span ends. */
const runBlock = async at => {
  const { kernelStorage, hostStorage } = openSwingStore(at('store'));
  const { kvStore, transcriptStore } = kernelStorage;
  kvStore.set('another', 'key');
  transcriptStore.addItem('v1', 'one more');
  await transcriptStore.rolloverSpan('v2');
  transcriptStore.addItem('v2', 'the first of a span');
  hostStorage.kvStore.set('host.height', '43');
  await hostStorage.commit();
  await hostStorage.close();
};

const noneReused = { artifacts: 0, bytes: 0, linked: 0, cloned: 0, copied: 0, damaged: 0 };

for (const compress of [false, true]) {
  check(`what has not changed is linked, compress ${compress}`, async (t, at) => {
    const { artifacts } = await makePrevious(at, { compress });
    await runBlock(at);
    const { reused: _, ...expected } = await exportSwingStoreToDirectory(at('store'), at('expected'), {
      ...debug,
      compress,
    });
    for (const verifyReused of [undefined, false, true]) {
      const { reused, ...others } = await exportSwingStoreToDirectory(at('store'), at('tuesday'), {
        ...debug,
        compress,
        reuse: at('monday'),
        verifyReused,
      });
      t.deepEqual(others, expected);
      t.deepEqual(readFiles(at('tuesday')), readFiles(at('expected')));
      const written = fs
        .readdirSync(at('tuesday'))
        .filter(
          name =>
            isArtifact(name) &&
            !(fs.existsSync(at('monday', name)) && inode(at('monday', name)) === inode(at('tuesday', name))),
        );
      const extension = compress ? '.gz' : '';
      t.deepEqual(
        written.sort(),
        ['transcript.v1.20.22', 'transcript.v2.20.21', 'transcript.v2.21.22'].map(name => `${name}${extension}`),
      );
      const linked = artifacts - 2;
      const bytes = fs
        .readdirSync(at('tuesday'))
        .filter(name => isArtifact(name) && !written.includes(name))
        .reduce((sum, name) => sum + fs.statSync(at('tuesday', name)).size, 0);
      t.deepEqual(reused, { ...noneReused, artifacts: linked, bytes, linked });
      const { hostStorage } = await importSwingStoreFromDirectory(at('tuesday'), at('imported'));
      await hostStorage.close();
      fs.rmSync(at('tuesday'), { recursive: true });
    }
    // Removing the new export has left the previous one as it was.
    t.is(fs.readdirSync(at('monday')).length, artifacts + 2);
  });
}

check('exports of different kinds share nothing', async (t, at) => {
  await makePrevious(at);
  for (const [name, reuse, compress] of [
    ['compressed', 'monday', true],
    ['plain', 'compressed', false],
  ]) {
    const { reused } = await exportSwingStoreToDirectory(at('store'), at(name), {
      ...debug,
      compress,
      reuse: at(reuse),
    });
    t.deepEqual(reused, noneReused);
  }
  t.deepEqual(readFiles(at('plain')), readFiles(at('monday')));
});

check('a chain of exports whose first ones are removed', async (t, at) => {
  await makePrevious(at);
  for (const [from, to] of [
    ['monday', 'tuesday'],
    ['tuesday', 'wednesday'],
  ]) {
    await exportSwingStoreToDirectory(at('store'), at(to), { ...debug, reuse: at(from) });
    fs.rmSync(at(from), { recursive: true });
  }
  await exportSwingStoreToDirectory(at('store'), at('expected'), debug);
  t.deepEqual(readFiles(at('wednesday')), readFiles(at('expected')));
});

const firstSpan = 'transcript.v1.0.5';

check('damaged files are found if they are verified', async (t, at) => {
  await makePrevious(at);
  const expected = readFiles(at('monday'));
  const bundle = Object.keys(expected).find(name => name.startsWith('bundle.b1'));
  const damaged = [firstSpan, 'snapshot.v1.5', bundle];
  for (const name of damaged) {
    const file = fs.readFileSync(at('monday', name));
    file[Math.floor(file.length / 2)] ^= 1;
    fs.writeFileSync(at('monday', name), file);
  }
  fs.truncateSync(at('monday', 'transcript.v1.5.10'), 20);
  const reuse = at('monday');
  const verified = await exportSwingStoreToDirectory(at('store'), at('verified'), {
    ...debug,
    reuse,
    verifyReused: true,
  });
  t.is(verified.reused.damaged, 4);
  t.is(verified.reused.artifacts, verified.artifacts - 4);
  t.deepEqual(readFiles(at('verified')), expected);
  const trusted = await exportSwingStoreToDirectory(at('store'), at('trusted'), { ...debug, reuse });
  t.is(trusted.reused.damaged, 0);
  await t.throwsAsync(importSwingStoreFromDirectory(at('trusted'), at('imported')), { message: /hash|complete/ });
});

check('damaged compressed files are found, too', async (t, at) => {
  await makePrevious(at, { compress: true });
  const expected = readFiles(at('monday'));
  const names = Object.keys(expected).filter(isArtifact);
  names.forEach((name, i) => {
    const file = Buffer.from(expected[name], 'base64');
    if (i % 3 === 0) fs.writeFileSync(at('monday', name), file.subarray(0, -1));
    if (i % 3 === 1) fs.writeFileSync(at('monday', name), Buffer.concat([file, file]));
    // Too small to be a gzip file, which is noticed without reading it.
    if (i % 3 === 2) fs.writeFileSync(at('monday', name), '');
  });
  const options = { ...debug, compress: true, reuse: at('monday') };
  const { reused } = await exportSwingStoreToDirectory(at('store'), at('verified'), { ...options, verifyReused: true });
  t.deepEqual(reused, { ...noneReused, damaged: names.length });
  t.deepEqual(readFiles(at('verified')), expected);
  const trusted = await exportSwingStoreToDirectory(at('store'), at('trusted'), options);
  t.is(trusted.reused.damaged, names.filter((_, i) => i % 3 === 2).length);
});

if (process.platform !== 'win32') {
  check('only regular files of this user are linked', async (t, at) => {
    await makePrevious(at);
    const expected = readFiles(at('monday'));
    const [symlink, directory, missing, open] = Object.keys(expected).filter(isArtifact);
    fs.renameSync(at('monday', symlink), at('elsewhere'));
    fs.symlinkSync(at('elsewhere'), at('monday', symlink));
    fs.rmSync(at('monday', directory));
    fs.mkdirSync(at('monday', directory));
    fs.rmSync(at('monday', missing));
    fs.chmodSync(at('monday', open), 0o666);
    const { artifacts, reused } = await exportSwingStoreToDirectory(at('store'), at('tuesday'), {
      ...debug,
      reuse: at('monday'),
    });
    t.deepEqual(readFiles(at('tuesday')), expected);
    t.deepEqual([reused.artifacts, reused.linked, reused.cloned + reused.copied], [artifacts - 3, artifacts - 4, 1]);
    t.true(fs.lstatSync(at('tuesday', symlink)).isFile());
    t.not(inode(at('tuesday', open)), inode(at('monday', open)));
    // Nothing in the previous export has changed.
    t.true(fs.lstatSync(at('monday', symlink)).isSymbolicLink());
    t.is(fs.readFileSync(at('elsewhere')).toString('base64'), expected[symlink]);
  });
}

const memory = '/dev/shm';
const hasOtherFileSystem =
  process.platform === 'linux' && fs.existsSync(memory) && fs.statSync(memory).dev !== fs.statSync(os.tmpdir()).dev;

needing(
  check,
  'two-file-systems',
  hasOtherFileSystem,
)('what is on another file system is copied', async (t, at) => {
  await makePrevious(at);
  const here = fs.statSync(at('store')).dev;
  const other = fs.mkdtempSync(path.join(here === fs.statSync(memory).dev ? os.tmpdir() : memory, 'swing-store-'));
  t.teardown(() => fs.rmSync(other, { recursive: true, force: true }));
  const options = { ...debug, reuse: at('monday'), verifyReused: true };
  const { artifacts, reused } = await exportSwingStoreToDirectory(at('store'), path.join(other, 'tuesday'), options);
  t.deepEqual([reused.artifacts, reused.linked, reused.copied], [artifacts, 0, artifacts]);
  t.deepEqual(readFiles(path.join(other, 'tuesday')), readFiles(at('monday')));
});

check('records decide, not names', async (t, at) => {
  await makePrevious(at);
  const file = at('monday', 'export-data.jsonl');
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  const key = 'transcript.v1.0';
  const changed = lines.map(line =>
    line.startsWith(`["${key}",`) ? line.replace(/[0-9a-f]{64}/, '0'.repeat(64)) : line,
  );
  t.notDeepEqual(changed, lines);
  const reuse = at('monday');
  const count = async (name, data) => {
    fs.writeFileSync(file, data.join('\n'));
    const { artifacts, reused } = await exportSwingStoreToDirectory(at('store'), at(name), { ...debug, reuse });
    t.deepEqual(reused.linked, reused.artifacts);
    return artifacts - reused.artifacts;
  };
  t.is(await count('one', lines), 0);
  t.is(await count('two', changed), 1);
  t.not(inode(at('two', firstSpan)), inode(at('monday', firstSpan)));
  // The last record of a key counts, and null deletes it.
  const record = lines.find(line => line.startsWith(`["${key}",`));
  t.is(await count('three', [...changed.slice(0, -1), record]), 0);
  t.is(await count('four', [...lines.slice(0, -1), `["${key}",null]`]), 1);
  // The same key with an escape.
  t.is(
    await count(
      'five',
      lines.map(line => (line === record ? record.replace('tran', '\\u0074ran') : line)),
    ),
    0,
  );
  fs.writeFileSync(file, 'not a record\n');
  await t.throwsAsync(exportSwingStoreToDirectory(at('store'), at('six'), { ...debug, reuse }), {
    code: 'ERR_SWING_STORE_EXPORT_DATA',
    message: /line 1 of .*export-data\.jsonl/,
  });
  t.false(fs.existsSync(at('six')));
});

check('what cannot be reused is refused, and nothing is written', async (t, at) => {
  await makePrevious(at);
  await exportSwingStoreToDirectory(at('store'), at('without'), { ...debug, exportDataMode: 'skip' });
  const refused = async (options, expected) => {
    await t.throwsAsync(exportSwingStoreToDirectory(at('store'), at('export'), { ...debug, ...options }), expected);
    t.false(fs.existsSync(at('export')));
  };
  const code = 'ERR_SWING_STORE_REUSE';
  const advice = 'Name the directory of a complete export with export data, or export without reusing one';
  const reuse = at('nowhere');
  await refused(
    { reuse },
    { code, message: `nothing of ${reuse} can be reused: there is no ${manifestName}. ${advice}` },
  );
  await refused(
    { reuse: at('store') },
    { code: 'ENOENT', message: /is a store, not an export: .*\. Name the directory of an export$/ },
  );
  await refused(
    { reuse: at('without') },
    {
      code,
      message: `nothing of ${at('without')} can be reused: its manifest names no export data, which has the artifacts' hashes. ${advice}`,
    },
  );
  const bad = { code: 'ERR_SWING_STORE_ARGUMENT' };
  await refused({ reuse: 7 }, { ...bad, message: /reuse must be a string/ });
  await refused({ reuse: at('monday'), verifyReused: 'yes' }, { ...bad, message: /verifyReused must be a boolean/ });
  await refused({ verifyReused: true }, { ...bad, message: /only be verified in an export that reuses/ });
  await refused({ reuse: at('monday'), artifactMode: 'none' }, { ...bad, message: /nothing to reuse/ });
  await refused({ reuses: at('monday') }, { ...bad, message: /Did you mean "reuse"\?/ });
  await refused({ verifyReuse: true }, { ...bad, message: /Did you mean "verifyReused"\?/ });
  fs.writeFileSync(at('monday', manifestName), '{');
  await refused({ reuse: at('monday') }, { code: 'ERR_SWING_STORE_MANIFEST' });
});

check('the command line', async (t, at) => {
  await makePrevious(at);
  await runBlock(at);
  const args = (dir, ...others) => [
    'export',
    ...['--state-dir', at('store'), '--export-dir', at(dir), '--artifact-mode', 'debug', '--export-data-mode', 'all'],
    ...others,
  ];
  const { code, stdout } = await runCli(args('tuesday', '--reuse', at('monday')));
  t.is(code, 0);
  t.regex(stdout, /^Exported block 43 [^]*\nReused \d+ artifacts of .*monday, [\d.,]+ KiB: \d+ linked\n$/);
  fs.writeFileSync(at('tuesday', firstSpan), 'damaged');
  const json = await runJson(args('wednesday', '--reuse', at('tuesday'), '--verify-reused'));
  t.like(json, { code: 0, reuse: at('tuesday'), verifyReused: true, compress: false });
  t.like(json.reused, { damaged: 1, copied: 0 });
  const told = await runCli(args('thursday', '--reuse', at('wednesday'), '--verify-reused', '--verbose'));
  t.regex(told.stderr, /reusing .*transcript\.v1\.0\.5/);
  fs.writeFileSync(at('thursday', firstSpan), 'damaged again');
  const again = await runCli(args('friday', '--reuse', at('thursday'), '--verify-reused'));
  t.regex(again.stdout, /\nWrote 1 damaged file of it from the store\n$/);
  for (const [others, message] of [
    [['--verify-reused'], /--reuse/],
    [
      ['--reuse', at('monday'), '--artifact-mode', 'none'],
      /cannot be used multiple times|nothing to compress or to reuse/,
    ],
  ]) {
    const refused = await runCli(args('saturday', ...others));
    t.is(refused.code, 2);
    t.regex(refused.stderr, message);
  }
  const missing = await runCli(args('saturday', '--reuse', at('nowhere')));
  t.is(missing.code, 3);
  t.regex(missing.stderr, /nothing of .*nowhere can be reused/);
  t.false(fs.existsSync(at('saturday')));
});
