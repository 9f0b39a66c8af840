// The rooms of `js/`: a file imports only from its own room and from rooms before it, and no imports form a cycle.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import test from 'ava';

const root = fileURLToPath(new URL('../../js', import.meta.url));

/** Each room may import from those before it. */
const ROOMS = ['addon', 'common', 'store', 'transfer', 'tools'];

const roomOf = file => file.split('/')[0];

/** The files that a file imports, in code or in a type, as paths relative to `js/`. */
const importsOf = (file, text) =>
  [...text.matchAll(/\b(?:require|import)\(\s*['"](\.[^'"]*)['"]\s*\)|\bfrom\s+['"](\.[^'"]*)['"]/g)].map(
    ([, called, from]) => path.posix.join(path.posix.dirname(file), called ?? from),
  );

/** A cycle among the files that can be reached from `file`, as a list that ends where it begins; undefined if there is none. */
const cycleFrom = (graph, file, trail = [], done = new Set()) => {
  if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
  if (done.has(file)) return undefined;
  for (const next of graph.get(file) ?? []) {
    const found = cycleFrom(graph, next, [...trail, file], done);
    if (found) return found;
  }
  done.add(file);
  return undefined;
};

/** What is wrong with the imports of some files, given as `[path, text]`. */
const problemsOf = files => {
  const graph = new Map(files.map(([file, text]) => [file, importsOf(file, text)]));
  const problems = [];
  for (const [file, imported] of graph) {
    if (!ROOMS.includes(roomOf(file))) problems.push(`${file} is in no room`);
    for (const other of imported) {
      if (!graph.has(other)) problems.push(`${file} imports ${other}, which does not exist`);
      else if (ROOMS.indexOf(roomOf(other)) > ROOMS.indexOf(roomOf(file))) problems.push(`${file} imports ${other}`);
    }
  }
  const cycles = [...graph.keys()].map(file => cycleFrom(graph, file)).filter(Boolean);
  if (cycles.length > 0) problems.push(cycles[0].join(' imports '));
  return problems;
};

const filesOfPackage = () =>
  readdirSync(root, { recursive: true })
    .map(name => name.replaceAll(path.sep, '/'))
    .filter(name => name.endsWith('.js'))
    .map(name => [name, readFileSync(path.join(root, name), 'utf8')]);

test('each file of js/ imports only from its own room and from those before it', t => {
  const files = filesOfPackage();
  t.true(files.length > 30, 'finds the files');
  t.true(files.flatMap(([file, text]) => importsOf(file, text)).length > 90, 'finds the imports');
  t.deepEqual(problemsOf(files), []);
});

test('an import that runs upward, a cycle and a file without a room are found', t => {
  const files = filesOfPackage();
  const withMore = (name, text) => files.map(([file, old]) => [file, file === name ? `${old}\n${text}` : old]);
  t.deepEqual(
    problemsOf(withMore('common/paths.js', "const { x } = require('../store/database.js');")).at(0),
    'common/paths.js imports store/database.js',
  );
  t.deepEqual(problemsOf(withMore('store/database.js', "/** @type {import('../tools/diff.js').Diff} */")), [
    'store/database.js imports tools/diff.js',
  ]);
  t.deepEqual(problemsOf(withMore('common/errors.js', "import { x } from './paths.js';")), [
    'common/errors.js imports common/paths.js imports common/errors.js',
  ]);
  t.deepEqual(problemsOf([...files, ['loose.js', '']]), ['loose.js is in no room']);
  t.deepEqual(problemsOf(withMore('tools/diff.js', "require('./missing.js')")), [
    'tools/diff.js imports tools/missing.js, which does not exist',
  ]);
});
