// Untrusted text of a store reaches a terminal as plain text: without escape sequences, without lines that look like the
// program's, and truncated.
import test from 'ava';

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import * as api from '../../index.mjs';
import { inTempDir } from '../support/common/world.mjs';

const program = fileURLToPath(new URL('../../bin/swing-store.js', import.meta.url));

/** Control characters, and characters that change the direction of text. */
// eslint-disable-next-line no-control-regex
const OBEYED = /[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

const HOSTILE = 'v1\x1b]52;c;ZXZpbA==\x07\nerror: forged\r\u202egnp.\u2028\x9b2J\x7f';

const run = (...args) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
};

const makeHostile = async dir => {
  const { kernelStorage, hostStorage, debug } = api.initSwingStore(dir);
  const { kvStore, transcriptStore, snapStore } = kernelStorage;
  kvStore.set(HOSTILE, HOSTILE);
  kvStore.set('activityhash', HOSTILE);
  kvStore.set(`vat.name.${HOSTILE}`, 'v1');
  kvStore.set('v1.options', HOSTILE);
  transcriptStore.initTranscript(HOSTILE);
  transcriptStore.addItem(HOSTILE, HOSTILE);
  transcriptStore.addItem(HOSTILE, JSON.stringify({ d: [HOSTILE] }));
  await snapStore.saveSnapshot(HOSTILE, 1, [Buffer.from('image')]);
  await transcriptStore.rolloverSpan(HOSTILE);
  const db = debug.getDatabase();
  const quoted = HOSTILE.replaceAll('"', '""');
  db.exec(`CREATE TABLE "${quoted}" (x); ALTER TABLE bundles ADD COLUMN "${quoted}" TEXT`);
  db.exec(`UPDATE transcriptSpans SET hash = 'wrong' || char(27) WHERE isCurrent IS NULL`);
  await hostStorage.commit();
  await hostStorage.close();
};

test('no command writes terminal escapes', async t => {
  t.timeout(120_000);
  await inTempDir(async base => {
    const [dir, other] = ['store', 'other'].map(name => path.join(base, name));
    await makeHostile(dir);
    const { hostStorage } = api.initSwingStore(other);
    await hostStorage.commit();
    await hostStorage.close();
    const exported = path.join(base, 'export');
    const commands = [
      ['verify', '--state-dir', dir],
      ['inspect', '--state-dir', dir],
      ['inspect', '--state-dir', dir, '--vat', HOSTILE],
      ['transcript', '--state-dir', dir, '--vat', HOSTILE],
      ['transcript', '--state-dir', dir, '--vat', `${HOSTILE}none`],
      ['replay-plan', '--state-dir', dir, '--vat', HOSTILE],
      ['diff', dir, other, '--local-keys'],
      ['export', '--state-dir', dir, '--export-dir', exported, '--artifact-mode', 'debug', '--verbose'],
      ['import', '--state-dir', other, '--export-dir', exported],
      ['verify', '--state-dir', path.join(base, HOSTILE.replaceAll('/', ''))],
      ['verify', HOSTILE],
    ];
    let shown = 0;
    for (const args of commands) {
      for (const json of [[], ['--json']]) {
        const { stdout, stderr } = run(...args, ...json);
        const what = [...args, ...json].join(' ');
        for (const text of [stdout, stderr]) {
          t.notRegex(text, OBEYED, what);
          t.notRegex(text, /^error: forged/m, what);
          shown += /forged/.test(text) ? 1 : 0;
        }
        if (json.length && stdout && args[0] !== 'transcript') t.notThrows(() => JSON.parse(stdout), what);
      }
    }
    t.true(shown > 10, `${shown}`);
    const lines = run('transcript', '--state-dir', dir, '--vat', HOSTILE, '--json').stdout.trim().split('\n');
    t.is(JSON.parse(lines[0]).item, HOSTILE);
    // Output that does not go to a terminal is not escaped.
    t.true(run('transcript', '--state-dir', dir, '--vat', HOSTILE, '--raw').stdout.startsWith(HOSTILE));
  });
});

test('a message truncates long text', async t => {
  await inTempDir(async base => {
    const dir = path.join(base, 'export');
    fs.mkdirSync(dir);
    const long = 'x'.repeat(1_000_000);
    fs.writeFileSync(path.join(dir, 'export-data.jsonl'), `${JSON.stringify([`nothing.${long}`, long])}\n`);
    const manifest = { blockHeight: 1, data: 'export-data.jsonl', artifacts: [] };
    fs.writeFileSync(path.join(dir, 'export-manifest.json'), JSON.stringify(manifest));
    const error = await t.throwsAsync(api.importSwingStoreFromDirectory(dir, path.join(base, 'to')));
    t.true(error.message.length < 30_000, `${error.message.length}`);
    const { stderr } = run('import', '--state-dir', path.join(base, 'to'), '--export-dir', dir);
    t.true(stderr.startsWith('error: ') && stderr.length < 30_000, `${stderr.length}`);
  });
});
