// The command line: the common behaviour of all commands, and export and import compared with cosmic-swingset's.
import '@endo/init/debug.js';

import test from 'ava';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { runCli, runJson, startCli } from '../support/common/cli.mjs';
import { assertSame } from '../support/common/compare.mjs';
import {
  makeStore,
  manifestName,
  readAsCosmic,
  readFiles,
  writeAsCosmic,
} from '../support/common/cosmic-directory.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { modes, readTables } from '../support/common/observe.mjs';
import { inTempDir } from '../support/common/world.mjs';

const { importSwingStore, openSwingStore } = reference.api;

const tablesOf = async dir => {
  const { hostStorage, debug } = openSwingStore(dir);
  const tables = readTables(debug.getDatabase());
  await hostStorage.close();
  return tables;
};

/** Imports as cosmic-swingset's program does. */
const importAsCosmic = async (from, to, options) => {
  const { hostStorage } = await importSwingStore(await readAsCosmic(from), to, options);
  const { blockHeight } = JSON.parse(fs.readFileSync(path.join(from, manifestName), 'utf8'));
  hostStorage.kvStore.set('host.height', String(blockHeight));
  await hostStorage.commit();
  await hostStorage.close();
};

test('every command has help, and an unknown one is refused', async t => {
  const { code, stdout } = await runCli(['--help']);
  t.is(code, 0);
  const commands = stdout.match(/Commands:\n([^]*?)\n\n/)[1].match(/(?<=^ {2})[a-z-]+/gm);
  t.true(commands.includes('export'));
  for (const command of commands.filter(name => name !== 'help')) {
    const help = await runCli([command, '--help']);
    t.is(help.code, 0);
    t.regex(help.stdout, /Examples:\n {2}swing-store /, command);
  }
  t.regex((await runCli(['--version'])).stdout, /^swing-store \d+\.\d+\.\d+\n$/);
  const { code: refused, stderr, stdout: nothing } = await runCli(['exprt']);
  t.is(refused, 2);
  t.is(nothing, '');
  t.regex(stderr, /'exprt'[^]*'export'/);
  t.like(await runJson(['export', '--bogus']), { code: 2, error: { code: 'ERR_SWING_STORE_ARGUMENT' } });
  t.is((await runCli([])).code, 2);
  // Options of older versions of cosmic-swingset.
  for (const [args, instead] of [
    [['export', '--export-mode', 'archival'], /--artifact-mode/],
    [['export', '--include-export-data'], /--export-data-mode/],
    [['import', '--include-historical'], /--artifact-mode/],
  ]) {
    const { code: old, stderr: tip } = await runCli(args);
    t.is(old, 2);
    t.regex(tip, instead);
  }
});

test('completions name the commands', async t => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await runCli(['completions', shell]);
    t.is(code, 0);
    t.regex(stdout, /export-data-mode/, shell);
    t.notRegex(stdout, /include-historical/, shell);
    t.like(await runJson(['completions', shell]), { code: 0, command: 'completions', shell, script: stdout });
  }
});

test('manual pages', async t => {
  const program = await runCli(['man']);
  t.is(program.code, 0);
  t.regex(program.stdout, /^\.TH swing-store 1 /m);
  const verify = await runCli(['man', 'verify']);
  t.regex(verify.stdout, /^\.TH swing-store-verify 1 /m);
  // The command's own option, and one that all commands have.
  for (const option of ['no\\-integrity\\-check', 'progress']) t.true(verify.stdout.includes(option), option);
  t.like(await runJson(['man', 'verify']), { code: 0, name: 'swing-store-verify', page: verify.stdout });
  t.like(await runJson(['man', 'nothing']), { code: 2, error: { code: 'ERR_SWING_STORE_ARGUMENT' } });
});

for (const artifactMode of [...modes, 'none', undefined]) {
  test(`export, artifactMode ${artifactMode}`, async t => {
    await inTempDir(async base => {
      const at = name => path.join(base, name);
      await makeStore(reference.api, at('store'));
      for (const exportDataMode of ['all', 'skip', undefined]) {
        const ours = at(`ours ${exportDataMode}`);
        const theirs = at(`theirs ${exportDataMode}`);
        fs.mkdirSync(theirs);
        await writeAsCosmic(reference.api, at('store'), theirs, { artifactMode, exportDataMode });
        const args = ['export', '--state-dir', at('store'), '--export-dir', ours];
        if (artifactMode) args.push('--artifact-mode', artifactMode);
        if (exportDataMode) args.push('--export-data-mode', exportDataMode);
        const exported = await runJson(args);
        assertSame(readFiles(ours), readFiles(theirs), `${artifactMode} ${exportDataMode}`);
        const { artifacts } = JSON.parse(fs.readFileSync(path.join(theirs, manifestName), 'utf8'));
        t.like(exported, {
          code: 0,
          command: 'export',
          artifactMode: artifactMode ?? 'operational',
          exportDataMode: exportDataMode ?? 'skip',
          artifacts: artifacts.length,
          blockHeight: 42,
        });
      }
    });
  });
}

test('import, including exports of the reference', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeStore(reference.api, at('store'));
    fs.mkdirSync(at('export'));
    await writeAsCosmic(reference.api, at('store'), at('export'), { artifactMode: 'archival', exportDataMode: 'all' });
    for (const artifactMode of [undefined, 'operational', 'replay', 'archival', 'debug']) {
      const [ours, theirs] = [at(`ours ${artifactMode}`), at(`theirs ${artifactMode}`)];
      fs.mkdirSync(ours);
      const mode = artifactMode ? ['--artifact-mode', artifactMode] : [];
      t.like(await runJson(['import', '--state-dir', ours, '--export-dir', at('export'), ...mode]), {
        code: 0,
        blockHeight: 42,
        artifactMode: artifactMode ?? 'archival',
      });
      t.deepEqual(fs.readdirSync(ours), ['swingstore.sqlite']);
      await importAsCosmic(at('export'), theirs, { artifactMode: artifactMode ?? 'archival' });
      assertSame(await tablesOf(ours), await tablesOf(theirs), `${artifactMode}`);
    }
  });
});

test('directories and heights', async t => {
  await inTempDir(async base => {
    const at = (...names) => path.join(base, ...names);
    fs.mkdirSync(at('data'));
    await makeStore(reference.api, at('data/agoric'));
    const exported = ['export', '--export-data-mode', 'all', '--export-dir'];
    const home = ['--home', base];
    // Without the option, the environment or else the home directory determines the path.
    t.is((await runCli([...exported, at('1'), ...home])).code, 0);
    t.is((await runCli([...exported, at('2')], { env: { AG_CHAIN_COSMOS_HOME: base } })).code, 0);
    t.is((await runCli([...exported, at('3')], { env: { HOME: at('nowhere') } })).code, 3);
    fs.mkdirSync(at('4'));
    t.is((await runCli([...exported.slice(0, 3), ...home], { cwd: at('4') })).code, 0);
    const files = readFiles(at('1'));
    t.true(files[manifestName] !== undefined);
    for (const name of ['2', '4']) t.deepEqual(readFiles(at(name)), files);

    for (const [height, code] of [
      ['42', 0],
      ['0', 0],
      ['41', 3],
      ['x', 2],
    ]) {
      const to = at(`height ${height}`);
      const { code: found } = await runCli([...exported, to, ...home, '--check-block-height', height]);
      t.is(found, code, height);
      t.is(fs.existsSync(to), code === 0);
    }
    t.like(await runJson([...exported, at('1'), ...home]), { code: 3, error: { code: 'EEXIST' } });

    // An import requires the directory to exist, and refuses a height other than the export's, including 0.
    const imported = ['import', '--export-dir', at('1'), '--state-dir', at('to')];
    t.like(await runJson(imported), { code: 3, error: { code: 'ENOENT' } });
    fs.mkdirSync(at('to'));
    for (const height of ['0', '41']) {
      const { code, error } = await runJson([...imported, '--check-block-height', height]);
      t.is(code, 3);
      t.regex(error.message, /unexpected block height 42 \(expected/);
    }
    t.is((await runCli([...imported, '--artifact-mode', 'none'])).code, 2);
    t.like(await runJson([...imported, '--artifact-mode', 'replay']), {
      code: 3,
      error: { code: 'ERR_SWING_STORE_INCOMPLETE' },
    });
    t.deepEqual(fs.readdirSync(at('to')), []);
    t.is((await runCli([...imported, '--check-block-height', '42'])).code, 0);
    t.is((await runJson(['export', '--state-dir', at('to'), '--export-dir', at('5')])).blockHeight, 42);
  });
});

test('stores and exports that are taken for each other are recognized', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeStore(reference.api, at('store'));
    const [store, output] = [
      ['--state-dir', at('store')],
      ['--export-dir', at('export')],
    ];
    t.is((await runCli(['export', ...store, ...output, '--export-data-mode', 'all'])).code, 0);
    fs.mkdirSync(at('to'));
    const files = () => ['store', 'export', 'to'].map(name => readFiles(at(name)));
    const before = files();
    const refused = async (expected, ...args) => {
      const { code, error } = await runJson(args);
      t.is(code, 3);
      t.is(error.code, expected);
      return error.message;
    };
    const exchanged = await refused(
      'ERR_SWING_STORE_ARGUMENT',
      ...['import', '--state-dir', at('export'), '--export-dir', at('store')],
    );
    t.regex(exchanged, /^the directories are exchanged: .*store was named as the export.* the other way round$/);
    await t.throwsAsync(subject.api.importSwingStoreFromDirectory(at('store'), at('export')), { message: exchanged });
    const importStore = ['import', '--state-dir', at('to'), '--export-dir', at('store')];
    t.regex(await refused('ENOENT', ...importStore), /store is a store, not an export: it has a swingstore\.sqlite/);
    // An empty directory is neither.
    const importNothing = ['import', '--state-dir', at('export'), '--export-dir', at('to')];
    t.regex(await refused('ENOENT', ...importNothing), /^looking for the manifest .*to.export-manifest\.json/);
    const fill = await refused('ENOENT', 'repopulate', ...store, '--from', at('store'));
    t.regex(fill, /store is a store, which has no files with artifacts\. Write an export or an archive of it/);
    const verify = await refused('ERR_SWING_STORE_OPEN', 'verify', '--state-dir', at('export'));
    t.regex(verify, /It is an export: the command import creates a store from it$/);
    const nothing = await refused('ERR_SWING_STORE_OPEN', 'verify', '--state-dir', at('to'));
    t.notRegex(nothing, /It is an export/);
    assertSame(files(), before, 'files');
  });
});

test('--verbose names the files that are written and read', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeStore(reference.api, at('store'));
    const args = ['--state-dir', at('store'), '--export-dir', at('export'), '--verbose'];
    const { stderr } = await runCli(['export', ...args, '--export-data-mode', 'all']);
    t.regex(stderr, /exporting block 42\n/);
    t.regex(stderr, /writing export-data.jsonl\n/);
    const { artifacts } = JSON.parse(fs.readFileSync(path.join(at('export'), manifestName), 'utf8'));
    for (const [name] of artifacts) t.true(stderr.includes(`writing ${name}\n`), name);
    const imported = await runCli(['import', ...args]);
    for (const [name] of artifacts) t.true(imported.stderr.includes(`importing ${name}\n`), name);
  });
});

test('a signal aborts the work, which leaves nothing', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeStore(subject.api, at('store'), {}, { items: 20, imageSize: 8_000_000 });
    for (const signal of ['SIGINT', 'SIGTERM']) {
      const child = startCli([
        'export',
        '--state-dir',
        at('store'),
        '--export-dir',
        at('to'),
        '--artifact-mode',
        'debug',
      ]);
      const closed = once(child, 'close');
      while (!fs.existsSync(at('to')) && child.exitCode === null) await setTimeout(1);
      child.kill(signal);
      t.deepEqual(await closed, [130, null]);
      t.false(fs.existsSync(at('to')));
    }
  });
});

test('a closed pipe is not a failure', async t => {
  const child = startCli(['completions', 'bash']);
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', data => (said += data));
  t.deepEqual(await once(child, 'close'), [0, null]);
  t.is(said, '');
});
