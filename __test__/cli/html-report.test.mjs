// The command line: inspect --html. `external/report/run.mjs` tests the page in a browser.
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createHash } from 'node:crypto';

import * as api from '../../index.mjs';
import { runCli, runJson } from '../support/common/cli.mjs';
import { makeHistoryStore } from '../support/common/history-store.mjs';

const makeStore = async (t, sql) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-cli-html-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  const store = path.join(dir, 'store');
  fs.mkdirSync(store);
  await makeHistoryStore(api, store, {}, sql);
  const file = path.join(dir, 'report.html');
  return { dir, store, file, args: ['inspect', '--state-dir', store, '--html', file] };
};

const read = file => fs.readFileSync(file, 'utf8');
const dataOf = page => JSON.parse(/<script id="data" type="application\/json">([^<]*)<\/script>/.exec(page)[1]);

test('a page of a store', async t => {
  const { dir, store, file, args } = await makeStore(t);
  const { seconds, ...document } = await runJson([...args, '--artifact-mode', 'archival']);
  t.true(seconds > 0);
  const { size } = fs.statSync(file);
  const { findings } = await api.verifySwingStore(store, { artifactMode: 'archival' });
  t.deepEqual(document, {
    code: findings.length > 0 ? 1 : 0,
    command: 'inspect',
    stateDir: store,
    html: file,
    bytes: size,
    blockHeight: 7,
    findings: findings.length,
  });
  t.deepEqual(fs.readdirSync(dir).sort(), ['report.html', 'store']);
  const page = read(file);
  for (const { kind, artifact } of findings) t.true(page.includes(kind) && page.includes(artifact ?? ''));
  t.deepEqual(
    dataOf(page)
      .vats.map(({ id, spans, pieces }) => [id, spans, pieces.length])
      .sort(),
    [
      ['v1', 3, 3],
      ['v10', 2, 2],
      ['v3', 1, 1],
      ['v6', 7, 7],
      ['v9', 2, 2],
    ],
  );
  // The page is self-contained, and its policy allows exactly its own contents.
  t.notRegex(page, /(?:src|href)="(?!#)/);
  const hash = text => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const scripts = [...page.matchAll(/<script>([^]*?)<\/script>/g)].map(([, text]) => hash(text));
  const [, style] = /<style>([^]*)<\/style>/.exec(page);
  t.is(scripts.length, 5);
  t.true(
    page.includes(
      `content="default-src 'none'; style-src ${hash(style)}; script-src ${scripts.join(' ')}; base-uri 'none'; form-action 'none'"`,
    ),
  );
});

test('a page of a vat, without a verification', async t => {
  const { file, args } = await makeStore(t, "DELETE FROM transcriptItems WHERE vatID = 'v6' AND position < 5");
  const { code, stdout } = await runCli([...args, '--vat', 'v6', '--no-verify']);
  t.is(code, 0);
  t.regex(stdout, /^Wrote .*report\.html \([\d.]+ KiB\): block 7, not verified \(\d+\.\d s\)\n$/);
  const { vats, one } = dataOf(read(file));
  t.true(one);
  t.is(vats.length, 1);
  const [{ id, incarnations, pieces }] = vats;
  t.is(id, 'v6');
  t.deepEqual(
    incarnations.map(({ number, pruned, complete }) => [number, pruned, complete]),
    [
      [0, 2, false],
      [1, 0, true],
      [2, 0, true],
    ],
  );
  t.like(pieces[0], { s: 0, e: 4, i: 0, n: 1, t: 0, f: '(pruned)' });
  t.like(pieces[1], { s: 4, e: 9, n: 1, p: 1, t: 4 });
  t.like(pieces.at(-1), { c: true, w: 1 });
});

test('the page says where the store is, and whether a finding concerns its vat', async t => {
  const { dir, store, file } = await makeStore(
    t,
    "UPDATE transcriptItems SET item = '<b>' WHERE vatID = 'v6' AND position = 6",
  );
  const write = async (...more) => {
    await runCli(['inspect', '--state-dir', 'store', '--html', 'report.html', '--force', ...more], { cwd: dir });
    const page = read(file);
    const [, title] = /<h2 id="verdict">(?:<span[^>]*><\/span>)?([^<]*)</.exec(page);
    return { page, title };
  };
  const all = await write();
  t.true(all.page.includes(`<code class="from-store">${fs.realpathSync(store)}</code>`));
  t.regex(all.title, /^\d+ findings?$/);
  t.regex((await write('--vat', 'v6')).title, /^\d+ findings? in this vat$/);
  const other = await write('--vat', 'v1');
  t.is(other.title, 'Nothing is wrong with this vat');
  t.regex(other.page, /<section class="verdict fair"[^]*?The rest of the store has \d findings?: see a report without/);
});

test('a partly deleted span counts as pruned, as for a verification', async t => {
  const { store, file, args } = await makeStore(t, "DELETE FROM transcriptItems WHERE vatID = 'v6' AND position < 5");
  await runCli(args);
  t.regex(read(file), /in 15 spans, 2 of them pruned \(1 in part\)/);
  const { spans } = await api.verifySwingStore(store);
  t.like(spans, { total: 15, checked: 13, pruned: 2 });
});

test('damage is found, and explained', async t => {
  const { file, args } = await makeStore(
    t,
    "UPDATE transcriptItems SET item = '<b>' WHERE vatID = 'v6' AND position = 6",
  );
  const { code, findings } = await runJson(args);
  t.is(code, 1);
  t.true(findings > 0);
  const page = read(file);
  t.regex(page, /<code>span-hash<\/code>[^]*The items of a span do not match its hash[^]*What to do:/);
  t.regex(page, /transcript\.v6\.4\.9/);
});

test('an existing file is kept unless --force is given', async t => {
  const { dir, file, args } = await makeStore(t);
  fs.writeFileSync(file, 'mine');
  const refused = await runCli(args);
  t.is(refused.code, 2);
  t.regex(refused.stderr, /report\.html exists: name another file, or give --force/);
  t.is(read(file), 'mine');
  for (const force of [[], ['--force']]) {
    const named = await runCli(['inspect', '--state-dir', path.join(dir, 'store'), '--html', dir, ...force]);
    t.is(named.code, 2);
    t.true(named.stderr.includes(`${dir} is a directory: name a file, such as ${path.join(dir, 'report.html')}\n`));
    t.false(named.stderr.includes('--force'));
  }
  t.is((await runCli([...args, '--force', '--no-verify'])).code, 0);
  t.regex(read(file), /^<!DOCTYPE html>/);
  t.is((await runCli(['inspect', '--state-dir', path.join(dir, 'store'), '--no-verify'])).code, 2);
  const nowhere = await runJson([
    'inspect',
    '--state-dir',
    path.join(dir, 'store'),
    '--html',
    path.join(dir, 'no', 'report.html'),
  ]);
  t.like(nowhere, { code: 3, error: { code: 'ENOENT' } });
  t.like(await runJson([...args, '--force', '--vat', 'v77']), {
    code: 3,
    error: { code: 'ERR_SWING_STORE_NOT_FOUND' },
  });
  t.deepEqual(fs.readdirSync(dir).sort(), ['report.html', 'store']);
});
