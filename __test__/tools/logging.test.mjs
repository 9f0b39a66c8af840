// The log: on stderr, only if it is asked for, and without secrets.
import test from 'ava';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process, { env } from 'node:process';
import { fileURLToPath } from 'node:url';

import * as api from '../../index.mjs';
import { runCli } from '../support/common/cli.mjs';
import { makeHistoryStore } from '../support/common/history-store.mjs';
import { outcomeOf } from '../support/common/run-program.mjs';
import { inTempDir } from '../support/common/world.mjs';
import { readText, root } from '../support/docs/pages.mjs';
import { withObjectServer } from '../support/tools/object-server.mjs';

const index = fileURLToPath(new URL('../../index.js', import.meta.url));

/** A host that runs a block, with a value of a key and an item that must not be logged. */
const host = `
  const { initSwingStore, openSwingStore } = require(${JSON.stringify(index)});
  const run = async () => {
    if (process.env.LATER) process.env.RUST_LOG = process.env.LATER;
    const { kernelStorage, hostStorage } = initSwingStore(process.argv[1]);
    const { kvStore, transcriptStore, snapStore } = kernelStorage;
    kvStore.set('key', 'confidential');
    transcriptStore.initTranscript('v1');
    transcriptStore.addItem('v1', 'confidential');
    await snapStore.saveSnapshot('v1', 1, (async function* () { yield Buffer.from('confidential'); })());
    await transcriptStore.rolloverSpan('v1');
    await hostStorage.commit();
    await hostStorage.close();
    await openSwingStore(process.argv[1], { readonly: true }).hostStorage.close();
  };
  run();
`;

const runHost = async more =>
  inTempDir(async base => {
    const { RUST_LOG: _, ...others } = env;
    const dir = path.join(base, 'store');
    const child = spawn(process.execPath, ['-e', host, dir], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...others, ...more },
    });
    const { code, stdout, stderr } = await outcomeOf(child);
    return { code, stdout, lines: stderr.split('\n').slice(0, -1), dir };
  });

const LINE =
  /^\d{4}-\d\d-\d\dT[\d:.]+Z +(ERROR|WARN|INFO|DEBUG|TRACE) swing_store::([a-z]+): ([a-zA-Z][^=]*?)(?: [a-z]+=.*)?$/;

const parse = line => {
  const [, level, area, message] = LINE.exec(line) ?? [];
  if (!level) throw Error(`not a line of the log: ${line}`);
  return `${level} ${area}: ${message}`;
};

test('a host logs to stderr what RUST_LOG asks for', async t => {
  const { code, stdout, lines, dir } = await runHost({ RUST_LOG: 'swing_store=debug' });
  t.deepEqual([code, stdout], [0, '']);
  const seen = lines.map(parse);
  for (const expected of [
    'DEBUG store: opened a file',
    'DEBUG snapshot: saved a snapshot',
    'DEBUG span: ended a span',
    'DEBUG commit: committed',
    'DEBUG store: closing a file',
  ]) {
    t.true(seen.includes(expected), `${expected} in ${lines.join('\n')}`);
  }
  t.regex(
    lines.find(line => line.includes('ended a span')),
    /span=transcript\.v1\.0\.1$/,
  );
  t.regex(
    lines.find(line => line.includes('committed')),
    /time=[\d.]+(ms|µs|s)$/,
  );
  t.true(lines.some(line => line.includes(`file=${path.join(dir, 'swingstore.sqlite')} readonly=true`)));
});

test('nothing is logged without RUST_LOG, or with other filters', async t => {
  for (const more of [{}, { RUST_LOG: '' }, { RUST_LOG: 'off' }, { RUST_LOG: 'hyper=trace,sqlite=debug' }]) {
    t.like(await runHost(more), { code: 0, stdout: '', lines: [] });
  }
  const { lines } = await runHost({ RUST_LOG: 'swing_store::commit=debug' });
  t.deepEqual(lines.map(parse), ['DEBUG commit: committed']);
});

test('the variable is read when a store is opened, and an invalid one is a warning', async t => {
  const { lines } = await runHost({ LATER: 'swing_store::commit=debug' });
  t.deepEqual(lines.map(parse), ['DEBUG commit: committed']);
  const invalid = await runHost({ RUST_LOG: 'loud' });
  t.is(invalid.code, 0);
  t.regex(invalid.lines[0], /RUST_LOG is ignored: loud is not a filter for the log/);
});

test.serial('an invalid filter is one warning, until there is another', async t => {
  const warnings = [];
  const note = warning => warnings.push(warning);
  process.on('warning', note);
  for (const filter of ['loud', 'loud', 'silent']) {
    process.env.RUST_LOG = filter;
    await api.initSwingStore().hostStorage.close();
  }
  delete process.env.RUST_LOG;
  await api.initSwingStore().hostStorage.close();
  // Node.js emits warnings in a later turn.
  await new Promise(resolve => setImmediate(resolve));
  process.off('warning', note);
  t.deepEqual(
    warnings.map(({ name, message }) => [name, /^RUST_LOG is ignored: (\w+) is not a filter/.exec(message)?.[1]]),
    ['loud', 'silent'].map(filter => ['swing-store-native', filter]),
  );
});

test('the log has no values of keys, and no items', async t => {
  const { lines } = await runHost({ RUST_LOG: 'trace' });
  lines.forEach(parse);
  t.true(lines.some(line => parse(line) === 'TRACE commit: flushed the write buffer'));
  t.false(lines.join('\n').includes('confidential'));
});

test('commands log with --log or RUST_LOG, and refuse an invalid filter', async t => {
  await inTempDir(async dir => {
    await makeHistoryStore(api, dir);
    const verify = ['verify', '--state-dir', dir];
    const quiet = await runCli(verify);
    t.is(quiet.stderr, '');
    const logged = await runCli([...verify, '--log', 'debug']);
    const seen = logged.stderr.trimEnd().split('\n').map(parse);
    t.is(seen[0], 'INFO cli: started');
    t.is(seen.at(-1), 'INFO cli: ended');
    t.true(seen.includes('DEBUG task: stage'));
    t.is(logged.stdout.replace(/\(.* s\)/, ''), quiet.stdout.replace(/\(.* s\)/, ''));
    const RUST_LOG = 'swing_store::cli=info';
    t.regex(
      (await runCli(verify, { env: { RUST_LOG } })).stderr,
      /started command="?verify"?\n.*ended code=0 time=.*\n$/,
    );
    t.is((await runCli([...verify, '--log', 'off'], { env: { RUST_LOG } })).stderr, '');
    const refused = await runCli([...verify, '--log', 'loud']);
    t.is(refused.code, 2);
    t.regex(refused.stderr, /^error: loud is not a filter for the log: /);
    const ignored = await runCli(verify, { env: { RUST_LOG: 'loud' } });
    t.is(ignored.code, 0);
    t.regex(ignored.stderr, /^note: RUST_LOG is ignored: loud is not a filter/);
    const pruned = await runCli(['prune', '--state-dir', dir, '--keep', 'operational', '--log', 'debug']);
    t.regex(pruned.stderr, /DEBUG swing_store::transaction: held the lock time=.* committed=true/);
  });
});

test('requests to object stores are logged without credentials', async t => {
  await inTempDir(async base => {
    await makeHistoryStore(api, path.join(base, 'store'));
    await withObjectServer(async server => {
      const run = (...args) =>
        runCli([...args, '--state-dir', path.join(base, 'store'), '--log', 'trace'], {
          env: { ...server.env, AWS_SECRET_ACCESS_KEY: 'confidential', AWS_ACCESS_KEY_ID: 'concealed' },
        });
      const archived = await run('archive', '--to', server.url);
      t.is(archived.code, 0, archived.stderr);
      t.regex(archived.stderr, /DEBUG swing_store::places: uploading a file file=transcript\./);
      server.setFault(({ method, count }) => (method === 'GET' && count === 0 ? 'cut' : undefined));
      fs.rmSync(path.join(base, 'store'), { recursive: true });
      await makeHistoryStore(api, path.join(base, 'store'), { keepTranscripts: false });
      const filled = await run('repopulate', '--from', server.url);
      t.regex(filled.stderr, /WARN swing_store::places: fetching a file again file=.* attempt=1/);
      server.setFault(() => 'deny');
      const denied = await run('archive', '--to', server.url);
      for (const { stderr } of [archived, filled, denied]) {
        t.notRegex(stderr, /confidential|concealed|Signature/);
        for (const line of stderr.split('\n').filter(one => /^\d{4}-/.test(one))) t.regex(line, LINE);
      }
    });
  });
});

test('the page lists all areas', t => {
  const sources = fs
    .readdirSync(path.join(root, 'src'), { recursive: true })
    .filter(file => file.endsWith('.rs') && !file.endsWith(path.join('log', 'mod.rs')))
    .map(file => readText(path.join('src', file)));
  const logged = sources.flatMap(text =>
    [...text.matchAll(/log::(?:error|warning|info|debug|trace)!\(\s*"([a-z]+)"/g)].map(([, area]) => area),
  );
  const listed = readText('docs/reference/log.md').match(/(?<=^\| `swing_store::)[a-z]+/gm);
  t.deepEqual([...new Set(logged)].sort(), [...listed].sort());
});
