// Advice in errors of the command line and of our own functions: following it works.
import '@endo/init/debug.js';

import test from 'ava';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { program, runCli, runJson, startCli } from '../support/common/cli.mjs';
import { outcomeOf } from '../support/common/run-program.mjs';
import { makeStore, manifestName } from '../support/common/cosmic-directory.mjs';
import { makeHistoryStore } from '../support/common/history-store.mjs';
import { subject } from '../support/common/implementations.mjs';
import { inTempDir } from '../support/common/world.mjs';
import { needing } from '../support/common/requirements.mjs';

const {
  archiveSwingStore,
  Database,
  exportSwingStoreToDirectory,
  importSwingStoreFromDirectory,
  initSwingStore,
  makeSwingStoreExporter,
  pruneSwingStore,
  repopulateSwingStoreFromDirectory,
} = subject.api;

const inDir = use => inTempDir(base => use((...names) => path.join(base, ...names)));

const count = (dir, table) => {
  const db = new Database(path.join(dir, 'swingstore.sqlite'), { readonly: true });
  const found = db.prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get();
  db.close();
  return found;
};

test('an incomplete export names what is missing and a remedy, which works', async t => {
  await inDir(async at => {
    await makeStore(subject.api, at('store'));
    await exportSwingStoreToDirectory(at('store'), at('full'), { artifactMode: 'debug' });
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const said =
      /^incomplete archival transcript: \d+ vs \d+\. Missing from the store for mode archival: transcript\.v1\.0\.5 \(vat v1 has 0 of 5 items\), .* and \d+ more\. Export in artifact mode (\w+), which does not need these artifacts, or restore them first with `(swing-store repopulate [^`]*)`/;
    const incomplete = { code: 'ERR_SWING_STORE_INCOMPLETE', message: said };
    const options = { artifactMode: 'archival' };
    await t.throwsAsync(exportSwingStoreToDirectory(at('store'), at('to'), options), incomplete);
    await t.throwsAsync(archiveSwingStore(at('store'), at('to'), options), incomplete);
    const args = ['--state-dir', at('store'), '--export-dir', at('to')];
    const { code, stderr } = await runCli(['export', ...args, '--artifact-mode', 'archival']);
    t.is(code, 3);
    const [, mode, command] = stderr.replace(/^error: /, '').match(said) ?? [];
    t.false(fs.existsSync(at('to')));
    // The reference's function has the reference's message.
    const exporter = makeSwingStoreExporter(at('store'), options);
    t.throws(exporter.getArtifactNames, { message: /^incomplete archival transcript: \d+ vs \d+$/ });
    await exporter.close();

    t.is((await runCli(['export', ...args, '--artifact-mode', mode])).code, 0, mode);
    const words = command.replace(/^swing-store /, '').replace(/\bDIR\b/, at('full'));
    const repopulated = spawnSync('sh', ['-c', `"$0" "$1" ${words}`, process.execPath, program], { encoding: 'utf8' });
    t.is(repopulated.status, 0, repopulated.stderr);
    t.true((await exportSwingStoreToDirectory(at('store'), at('archival'), options)).artifacts > 10);

    // An export that lacks an artifact of its manifest.
    const manifestFile = at('archival', manifestName);
    const manifest = JSON.parse(fs.readFileSync(manifestFile, 'utf8'));
    manifest.artifacts = manifest.artifacts.filter(([name]) => name !== 'transcript.v1.0.5');
    fs.writeFileSync(manifestFile, JSON.stringify(manifest));
    await t.throwsAsync(importSwingStoreFromDirectory(at('archival'), at('imported')), {
      code: 'ERR_SWING_STORE_INCOMPLETE',
      message:
        /^incomplete archival transcript: .*\. Missing from the export for mode archival: transcript\.v1\.0\.5 .*\. Import in artifact mode (replay|operational), .*, or choose an export/,
    });
    const { hostStorage } = await importSwingStoreFromDirectory(at('archival'), at('imported'), {
      artifactMode: 'replay',
    });
    await hostStorage.close();
  });
});

test("an export or an archive within the store's directory is refused", async t => {
  await inDir(async at => {
    await makeStore(subject.api, at('home/store'));
    fs.symlinkSync(at('home/store'), at('link'));
    const before = fs.readdirSync(at('home'), { recursive: true }).sort();
    const code = 'ERR_SWING_STORE_ARGUMENT';
    for (const [to, relation] of [
      ['home/store', /is the store's own directory/],
      ['home/store/export', /lies in the store's own directory/],
      ['link', /is the store's own directory/],
      ['link/a/b', /lies in the store's own directory/],
    ]) {
      await t.throwsAsync(exportSwingStoreToDirectory(at('home/store'), at(to)), { code, message: relation });
      const { code: exit, stderr } = await runCli(['export', '--state-dir', at('link'), '--export-dir', at(to)]);
      t.is(exit, 3, to);
      t.regex(stderr, relation);
      // No file of an archive has the name of one of the store's files.
      if (`${relation}`.includes('/is')) {
        await t.throwsAsync(archiveSwingStore(at('link'), at(to)), { code, message: relation });
      }
    }
    const report = ['inspect', '--state-dir', at('home/store'), '--force', '--html'];
    for (const file of ['home/store/swingstore.sqlite', 'link/swingstore.sqlite-wal']) {
      const { code: exit, stderr } = await runCli([...report, at(file)]);
      t.is(exit, 3, file);
      t.regex(stderr, /is a file of the store itself/);
    }
    t.deepEqual(fs.readdirSync(at('home'), { recursive: true }).sort(), before);
    await exportSwingStoreToDirectory(at('home/store'), at('home/export'));
  });
});

const privileged = process.platform === 'win32' ? test.skip : test;
privileged('a dry run needs no permission to write', async t => {
  await inDir(async at => {
    await makeStore(subject.api, at('store'));
    const file = at('store', 'swingstore.sqlite');
    t.deepEqual(fs.readdirSync(at('store')), ['swingstore.sqlite']);
    fs.chmodSync(file, 0o444);
    fs.chmodSync(at('store'), 0o555);
    fs.chmodSync(at('.'), 0o755);
    const before = fs.readFileSync(file);
    // Root has all permissions, so this runs as the user `nobody`.
    const user = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
    const stateDir = ['--state-dir', at('store')];
    const pruned = await runJson(['prune', ...stateDir, '--keep', 'operational', '--dry-run'], user);
    t.like(pruned, { code: 0, dryRun: true, done: false, locking: { transactions: 0 } });
    t.true(pruned.spans > 5 && pruned.items > 20 && pruned.snapshots > 5 && pruned.space.fileBytes > 0);
    t.like(await runJson(['reclaim', ...stateDir, '--dry-run'], user), { code: 0, dryRun: true });
    // The message describes the effect.
    t.not((await runCli(['prune', ...stateDir, '--keep', 'operational'], user)).code, 0);
    t.deepEqual(fs.readFileSync(file), before);
    fs.chmodSync(at('store'), 0o755);
    fs.chmodSync(file, 0o644);
    const { spans, items, snapshots, snapshotBytes } = await runJson(['prune', ...stateDir, '--keep', 'operational']);
    t.like(pruned, { spans, items, snapshots, snapshotBytes });
  });
});

test('only supported modes are offered', async t => {
  for (const [command, option] of [
    ['prune', '--keep'],
    ['repopulate', '--artifact-mode'],
  ]) {
    const { stdout } = await runCli([command, '--help']);
    t.notRegex(stdout, /- none: +No artifacts/, command);
    const { code, stderr } = await runCli([command, option, 'none', '--state-dir', 'x']);
    t.is(code, 2);
    t.regex(stderr, /invalid value 'none'[^]*possible values: operational, replay, archival, debug/);
  }
});

test('an error about a path without an option names the option', async t => {
  for (const [args, advice] of [
    [
      ['verify', '/var/lib/agoric'],
      /--state-dir DIR \(the store's directory\), --home DIR \(the chain's home directory\)/,
    ],
    [['export', '/backup'], /--export-dir DIR \(the directory to write to\)/],
    [['repopulate', 'archive'], /--from PLACE \(the place with the artifacts\)/],
    [['--json', 'inspect', './page.html'], /--html FILE/],
    [['/var/lib/agoric/data'], /give a command first, such as 'swing-store verify --state-dir DIR'/],
  ]) {
    const { code, stderr } = await runCli(args);
    t.is(code, 2);
    t.regex(stderr, advice);
  }
  // A value that is not a path has the usual message.
  t.notRegex((await runCli(['verify', '--stat-dir', '/x'])).stderr, /name it by an option/);
});

test('a vat is found by its name in the table', async t => {
  await inDir(async at => {
    await makeHistoryStore(subject.api, at('store'));
    const stateDir = ['--state-dir', at('store')];
    const { vats } = await runJson(['inspect', ...stateDir]);
    for (const { vatID, name, spans, state } of vats.filter(vat => vat.name !== null)) {
      t.is((await runJson(['inspect', ...stateDir, '--vat', name])).vat.vatID, vatID);
      if (spans === 0) continue;
      if (state === 'live') t.is((await runJson(['replay-plan', ...stateDir, '--vat', name])).vatID, vatID);
      const byID = await runCli(['transcript', ...stateDir, '--vat', vatID, '--skip-missing']);
      const byName = await runCli(['transcript', ...stateDir, '--vat', name, '--skip-missing']);
      t.deepEqual(byName, byID);
    }
    t.is((await runCli(['inspect', ...stateDir, '--vat', 'nobody'])).code, 3);
    const db = new Database(at('store', 'swingstore.sqlite'));
    db.prepare(`UPDATE kvStore SET value = '{"name":"twin"}' WHERE key IN ('v6.options', 'v9.options')`).run();
    db.close();
    const { code, stderr } = await runCli(['inspect', ...stateDir, '--vat', 'twin']);
    t.is(code, 3);
    t.regex(stderr, /2 vats are called "twin": give the ID of one of them, v6, v9/);
  });
});

/** Makes a store with a vat of many small spans. */
const makeLong = async (dir, spans) => {
  const { kernelStorage, hostStorage } = initSwingStore(dir);
  kernelStorage.transcriptStore.initTranscript('v1');
  for (let span = 0; span < spans; span += 1) {
    kernelStorage.transcriptStore.addItem('v1', `item ${span}`);
    await kernelStorage.transcriptStore.rolloverSpan('v1');
  }
  await hostStorage.commit();
  await hostStorage.close();
};

/** Starts a command, and interrupts it once the number of items has changed. */
const interrupt = async (dir, args, signal) => {
  const before = count(dir, 'transcriptItems');
  const child = startCli(args);
  const ended = outcomeOf(child);
  while (child.exitCode === null && count(dir, 'transcriptItems') === before) await setTimeout(2);
  child.kill(signal);
  return ended;
};

test('interrupted work reports its progress, and continues when it is repeated', async t => {
  await inDir(async at => {
    const spans = 1500;
    await makeLong(at('store'), spans);
    await exportSwingStoreToDirectory(at('store'), at('full'), { artifactMode: 'debug' });
    const stateDir = ['--state-dir', at('store')];
    const prune = ['prune', ...stateDir, '--keep', 'operational', '--budget', '1'];
    const pruning = await interrupt(at('store'), prune, 'SIGINT');
    t.is(pruning.code, 130, pruning.stdout);
    const [, deleted] =
      pruning.stderr.match(
        /error: interrupted\. Before that, it deleted ([\d,]+) items? of [\d,]+ spans?, .*\. These changes are kept; run the same command again to continue\n$/,
      ) ?? [];
    t.is(Number(deleted?.replace(',', '')), spans - count(at('store'), 'transcriptItems'), pruning.stderr);
    t.like(await runJson(['prune', ...stateDir, '--keep', 'operational']), {
      code: 0,
      done: true,
      items: spans - Number(deleted?.replace(',', '')),
    });

    const repopulate = ['repopulate', ...stateDir, '--from', at('full')];
    const filling = await interrupt(at('store'), [...repopulate, '--json'], 'SIGTERM');
    t.is(filling.code, 130, filling.stdout);
    const { error } = JSON.parse(filling.stdout);
    t.is(error.code, 'ABORT_ERR');
    const [, filled] =
      error.message.match(
        /^interrupted\. Before that, it restored ([\d,]+) artifacts?, .* run the same command again to continue$/,
      ) ?? [];
    t.is(Number(filled?.replace(',', '')), count(at('store'), 'transcriptItems'), error.message);
    const again = await runJson(repopulate);
    t.is(again.code, 0);
    t.is(again.filled.length + Number(filled?.replace(',', '')), spans);

    // With a signal, the last report says how far the job came.
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const controller = new AbortController();
    const reports = [];
    const work = repopulateSwingStoreFromDirectory(at('full'), at('store'), {
      signal: controller.signal,
      onProgress(progress) {
        reports.push(progress);
        if (count(at('store'), 'transcriptItems') > 0) controller.abort();
      },
    });
    await t.throwsAsync(work, { name: 'AbortError', any: true });
    t.true(reports.at(-1).done >= count(at('store'), 'transcriptItems'));
  });
});

const onFull = needing(test, 'dev-full', fs.existsSync('/dev/full'));
onFull('what can not be written is a failure, unless nobody reads any more', async t => {
  await inDir(async at => {
    await makeHistoryStore(subject.api, at('store'));
    const stateDir = ['--state-dir', at('store')];
    for (const args of [
      ['--help'],
      ['--version'],
      ['verify', '--help'],
      ['help', 'export'],
      ['completions', 'bash'],
      ['inspect', ...stateDir],
      ['verify', ...stateDir],
      ['verify', ...stateDir, '--json'],
      ['transcript', ...stateDir, '--vat', 'v1'],
      ['prune', ...stateDir, '--keep', 'debug', '--dry-run'],
    ]) {
      const full = fs.openSync('/dev/full', 'w');
      const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      fs.closeSync(full);
      t.is(status, 3, args.join(' '));
      t.regex(stderr, /error: writing the output: .*[Nn]o space left/, args.join(' '));
    }
    for (const args of [['--help'], ['--version'], ['inspect', ...stateDir]]) {
      const child = startCli(args);
      child.stdout.destroy();
      t.deepEqual(await once(child, 'close'), [0, null], args.join(' '));
    }
  });
});

/** The completions that bash offers for the last word of lines. */
const completedByBash = async (script, lines, cwd) => {
  // Calls it as bash does, with the name, the word, and the word before it. The real `compopt` works only within a completion.
  const driver = `
    source "$1"
    read -r -a spec <<< "$(complete -p swing-store)"
    for ((i = 0; i < \${#spec[@]}; i++)); do [[ \${spec[i]} == -F ]] && function=\${spec[i + 1]}; done
    compopt() { echo "compopt $*"; }
    complete_line() {
      COMP_WORDS=(swing-store "$@"); COMP_CWORD=$#; COMP_LINE="\${COMP_WORDS[*]}"; COMP_POINT=\${#COMP_LINE}
      "$function" swing-store "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
      printf '%s\\n' "\${COMPREPLY[@]}" --end--
    }
    ${lines.map(words => `complete_line ${words.map(word => `'${word}'`).join(' ')}`).join('\n')}`;
  const { code, stdout, stderr } = await outcomeOf(
    spawn('bash', ['--norc', '-c', driver, 'bash', script], { cwd, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  const answers = stdout.split('--end--\n').slice(0, -1);
  return { code, stderr, answers: answers.map(answer => answer.split('\n').filter(word => word !== '')) };
};

const onBash = needing(test, 'bash', spawnSync('bash', ['--version']).status === 0);
onBash('bash completes commands, options and values', async t => {
  await inDir(async at => {
    fs.writeFileSync(at('script'), (await runCli(['completions', 'bash'])).stdout);
    const expected = [
      [['rep'], ['replay-plan', 'repopulate']],
      [['export', '--art'], ['--artifact-mode']],
      [['export', '--artifact-mode', 'a'], ['archival']],
      [
        ['prune', '--keep', ''],
        ['operational', 'replay', 'archival', 'debug'],
      ],
      [['replay-plan', '--from-s'], ['--from-snapshot']],
      [['repopulate', '--repl'], ['--replace-damaged']],
      [['--json', 'ver'], ['verify']],
      [['--json', 'verify', '--no-i'], ['--no-integrity-check']],
      // bash adds the directories.
      [['verify', '--state-dir', ''], ['compopt -o plusdirs']],
      [['completions', 'z'], ['zsh']],
      [['help', 'arch'], ['archive']],
    ];
    const lines = expected.map(([words]) => words);
    const { code, stderr, answers } = await completedByBash(at('script'), lines, at('.'));
    t.deepEqual([code, stderr], [0, '']);
    for (const [i, [words, answer]] of expected.entries()) t.deepEqual(answers[i], answer, words.join(' '));
    // All options of each command.
    const commands = ['export', 'import', 'transcript', 'replay-plan', 'repopulate'];
    const all = await completedByBash(
      at('script'),
      commands.map(command => [command, '--']),
      at('.'),
    );
    for (const [i, command] of commands.entries()) {
      const { stdout } = await runCli([command, '--help']);
      const options = [...new Set(stdout.match(/(?<=^ +(-\w, )?)--[a-z-]+/gm))].sort();
      t.deepEqual(all.answers[i].sort(), options, command);
    }
  });
});
