// The documentation outside of its code blocks: links, commands, options, names.
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import * as api from '../../index.mjs';
import { cliFlags, subcommands } from '../support/docs/commands.mjs';
import { pageNames, readText, root } from '../support/docs/pages.mjs';

/** A page without code blocks and comments. */
const proseOf = name =>
  readText(name)
    .replace(/^```[^]*?^```$/gm, '')
    .replace(/<!--[^]*?-->/g, '');

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = name =>
  [...proseOf(name).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replace(/ /g, '-'),
  );

const linksOf = name => [...proseOf(name).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);

test('links have existing targets', t => {
  for (const name of pageNames()) {
    for (const link of linksOf(name)) {
      if (/^https?:/.test(link)) continue;
      const [file, anchor] = link.split('#');
      const target = file === '' ? name : path.join(path.dirname(name), file);
      const exists = fs.existsSync(path.join(root, target));
      t.true(exists, `${name}: ${link}`);
      if (exists && anchor && target.endsWith('.md')) t.true(anchorsOf(target).includes(anchor), `${name}: ${link}`);
    }
  }
});

test('the README links to every page', t => {
  const links = linksOf('README.md').map(link => path.normalize(link.split('#')[0]));
  for (const name of pageNames().filter(page => page !== 'README.md')) t.true(links.includes(name), name);
});

test('every command of the command line has a section, and the README names it', async t => {
  const commands = (await subcommands()).filter(name => name !== 'help');
  const sections = anchorsOf('docs/reference/cli.md');
  t.deepEqual(
    commands.filter(name => !sections.includes(name)),
    [],
  );
  const readme = proseOf('README.md');
  const optional = ['completions', 'schema', 'man'];
  t.deepEqual(
    commands.filter(name => !readme.includes(`\`${name}\``) && !optional.includes(name)),
    [],
  );
});

test('options on the page about the command line exist', async t => {
  const commands = (await subcommands()).filter(name => name !== 'help');
  const known = new Set();
  for (const flags of await Promise.all(commands.map(cliFlags))) for (const flag of flags) known.add(flag);
  const named = proseOf('docs/reference/cli.md').match(/(?<=`)--[a-z][a-z-]*/g);
  // Options of cargo.
  const others = ['--bin', '--features'];
  t.deepEqual(
    named.filter(flag => !known.has(flag) && !others.includes(flag)),
    [],
  );
});

test('functions that pages name are exported', t => {
  const ofCosmicSwingset = ['initiateSwingStoreExport', 'spawnSwingStoreExport'];
  const alerts = readText('examples/metrics/prometheus/alerts.yml').match(/(?<=alert: )\w+/g);
  for (const name of pageNames()) {
    const named = proseOf(name).match(/(?<=`)[a-zA-Z]*SwingStores?[A-Za-z]*(?=[`(])/g) ?? [];
    const types = fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8');
    const unknown = named.filter(
      word =>
        !ofCosmicSwingset.includes(word) &&
        !alerts.includes(word) &&
        !Object.hasOwn(api, word) &&
        !RegExp(`\\b${word}\\b`).test(types),
    );
    t.deepEqual(unknown, [], name);
  }
});

test('every error code is in the table and in the type', t => {
  const files = ['src', 'js'].flatMap(dir =>
    fs
      .readdirSync(path.join(root, dir), { recursive: true })
      .filter(file => /\.(rs|js)$/.test(file))
      .map(file => readText(path.join(dir, file)))
      // Tests of a module are at its end.
      .map(text => text.split('#[cfg(test)]\nmod ')[0]),
  );
  const used = files.flatMap(text => text.match(/(?<=["'])(?:ERR_SWING_STORE_[A-Z_]+|ABORT_ERR)(?=["'])/g) ?? []);
  // A test in a file of its own.
  const made = ['ERR_SWING_STORE_SPAN_ENDS_ELSEWHERE'];
  const codes = [...new Set(used)].filter(code => !made.includes(code)).sort();
  t.true(codes.length > 15);
  t.deepEqual(readText('docs/reference/errors.md').match(/(?<=^\| `)[A-Z_]+(?=` \|)/gm), codes);
  const [, union] = /^export type SwingStoreErrorCode =([^;]*);/m.exec(readText('index.d.ts'));
  t.deepEqual(union.match(/(?<=')[A-Z_]+(?=')/g), codes);
});

test('files that the documentation names exist', t => {
  for (const name of ['ARCHITECTURE.md', 'CONTRIBUTING.md'].filter(page => pageNames().includes(page))) {
    const named =
      proseOf(name).match(/(?<=`)(?:src|js|__test__|scripts|bench|benches|tests|docs|bin)\/[\w./-]*(?=`)/g) ?? [];
    t.deepEqual(
      named.filter(file => !fs.existsSync(path.join(root, file))),
      [],
      name,
    );
  }
});

test('the table of the store in ARCHITECTURE.md lists all of its files', t => {
  const section = /^## The store$([^]*?)^## /m.exec(proseOf('ARCHITECTURE.md'))[1];
  const rows = section.split('\n').filter(line => line.startsWith('| `'));
  const named = rows.flatMap(row =>
    [...row.split('|')[1].matchAll(/`([^`]+)`/g)].map(([, file]) => file.replace(/\/$/, '')),
  );
  const there = fs.readdirSync(path.join(root, 'src/store'));
  // A module's file next to the directory with its submodules.
  const halves = there.filter(file => there.includes(file.replace(/\.rs$/, '')) && file.endsWith('.rs'));
  const whole = there.filter(file => !halves.some(half => half.replace(/\.rs$/, '') === file));
  t.deepEqual(
    named.filter(file => !there.includes(file)),
    [],
  );
  t.deepEqual(
    whole.filter(file => !named.includes(file)),
    [],
  );
});

test('the README shows the current version', t => {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const shown = [...readText('README.md').matchAll(RegExp(`${name}@(\\d[^"\\s]*)`, 'g'))].map(match => match[1]);
  t.deepEqual([...new Set(shown)], [version]);
  t.regex(readText('CHANGELOG.md'), RegExp(`^(## ${version} - |To be ${version},)`.replaceAll('.', '\\.'), 'm'));
});
