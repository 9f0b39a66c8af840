// The command line: schema, and that it describes what every command prints. `runJson` checks every document.
import test from 'ava';

import fs from 'node:fs';
import path from 'node:path';

import * as api from '../../index.mjs';
import { checkDocument, runCli, runJson } from '../support/common/cli.mjs';
import { makeHistoryStore } from '../support/common/history-store.mjs';
import { inTempDir } from '../support/common/world.mjs';

test('the schemas describe what every command prints', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    fs.mkdirSync(at('store'));
    await makeHistoryStore(api, at('store'));
    fs.mkdirSync(at('other'));
    const store = ['--state-dir', at('store')];
    const to = ['--export-dir', at('export')];
    const full = ['--artifact-mode', 'debug', '--export-data-mode', 'all'];
    const called = new Set();
    const run = async (expected, ...args) => {
      const { code, ...document } = await runJson(args);
      t.is(code, expected, args.join(' '));
      called.add(args[0]);
      return document;
    };
    await run(0, 'export', ...store, ...to, ...full, '--compress');
    await run(0, 'export', ...store, '--export-dir', at('again'), ...full, '--compress', '--reuse', at('export'));
    await run(0, 'import', '--state-dir', at('other'), ...to, '--artifact-mode', 'operational');
    await run(0, 'import', '--state-dir', at('other'), ...to, '--artifact-mode', 'operational');
    await run(0, 'import', ...store, ...to, '--export-data-mode', 'repair-metadata');
    await run(0, 'import', ...store, ...to, '--export-data-mode', 'skip', '--artifact-mode', 'operational');
    await run(0, 'archive', ...store, '--archive-dir', at('archive'));
    await run(0, 'inspect', ...store, '--sizes');
    await run(0, 'inspect', ...store, '--sizes', '--vat', 'v6');
    await run(0, 'inspect', ...store, '--html', at('report.html'));
    await run(0, 'inspect', ...store, '--html', at('quick.html'), '--no-verify');
    await run(0, 'compact', ...store, '--dry-run');
    await run(0, 'compact', ...store, '--vat', 'v6');
    await run(0, 'expand', ...store);
    await run(0, 'replay-plan', ...store, '--vat', 'v6');
    await run(0, 'verify', ...store);
    await run(0, 'metrics', ...store, '--per-vat', '--archived-in', at('archive'));
    await run(1, 'metrics', ...store, '--archived-in', at('nothing'));
    await run(0, 'prune', ...store, '--keep', 'operational');
    await run(1, 'verify', ...store, '--artifact-mode', 'archival', '--limit', '1');
    await run(1, 'replay-plan', ...store, '--vat', 'v6', '--incarnation', '0', '--from-snapshot');
    await run(1, 'diff', at('store'), at('export'), '--contents', '--artifact-mode', 'debug');
    const { kernelStorage, hostStorage } = api.openSwingStore(at('other'));
    kernelStorage.kvStore.set('of this store', 'only');
    await hostStorage.commit();
    await hostStorage.close();
    await run(1, 'diff', at('store'), at('other'), '--local-keys');
    fs.mkdirSync(at('wrong'));
    fs.writeFileSync(path.join(at('wrong'), 'transcript.v6.0.4'), '{}\n');
    await run(1, 'repopulate', ...store, '--from', at('wrong'));
    await run(0, 'repopulate', ...store, '--from', at('archive'), '--replace-damaged');
    await run(0, 'reclaim', ...store);
    await run(0, 'completions', 'bash');
    await run(0, 'man', 'verify');

    // One document in each line, errors included.
    const transcript = ['transcript', '--json', ...store, '--vat', 'v6'];
    for (const args of [['--incarnation', '2'], ['--start', '9000'], ['--nonsense']]) {
      const { stdout } = await runCli([...transcript, ...args]);
      const lines = stdout.split('\n');
      t.is(lines.pop(), '');
      t.true(lines.length > 0);
      for (const line of lines) await checkDocument('transcript', JSON.parse(line));
      t.is(args[0] !== '--incarnation', 'error' in JSON.parse(lines.at(-1)), args[0]);
    }
    called.add('transcript');

    const { stdout: help } = await runCli(['--help']);
    const commands = help.match(/Commands:\n([^]*?)\n\n/)[1].match(/(?<=^ {2})[a-z-]+/gm);
    const others = ['help', 'schema'];
    t.deepEqual([...called].sort(), commands.filter(name => !others.includes(name)).sort());
    // An error is described, too.
    for (const command of called) {
      const document = await run(2, command, '--nonsense');
      t.is(document.error.code, 'ERR_SWING_STORE_ARGUMENT');
    }
  });
});

test('a schema rejects what a command does not print', async t => {
  await inTempDir(async base => {
    await makeHistoryStore(api, base);
    const { code, ...document } = await runJson(['verify', '--state-dir', base]);
    t.is(code, 0);
    await t.notThrowsAsync(checkDocument('verify', document));
    const { seconds, ...without } = document;
    t.is(typeof seconds, 'number');
    for (const wrong of [
      without,
      { ...document, more: 1 },
      { ...document, keys: 'many' },
      { ...document, command: 'diff' },
      { ...document, spans: { ...document.spans, more: 1 } },
      { ...document, findings: [{ kind: 'span-hash', severity: 'error' }] },
      { ...document, findings: [{ kind: 'no such kind', severity: 'error', message: '' }] },
      { error: { message: 'no code' } },
    ]) {
      await t.throwsAsync(checkDocument('verify', wrong), { message: /^the schema of verify does not describe/ });
    }
  });
});
