// The changes that `npm run mutants` makes to source text. The command itself needs cargo-mutants, and hours.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { areas, functionsOf } from '../../scripts/mutants/list.mjs';
import { readRecord, tableOf, tableOnPage } from '../../scripts/mutants/record.mjs';
import { letterOf, makeResults } from '../../scripts/mutants/results.mjs';
import { operationAt, tokensOf } from '../../scripts/mutants/rust-text.mjs';
import { withSwitches } from '../../scripts/mutants/switches.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('every place to change exists', t => {
  for (const place of Object.values(areas).flat()) t.true(existsSync(`${root}${place}`), place);
});

test('accepted survivors have a reason', t => {
  const entries = JSON.parse(readFileSync(`${root}scripts/mutants/accepted.json`, 'utf8'));
  t.true(Array.isArray(entries));
  for (const entry of entries) {
    t.deepEqual(Object.keys(entry), ['function', 'mutation', 'where', 'reason']);
    t.true(entry.reason.length > 10, entry.where);
  }
});

test('the results in the repository are of known areas, and the documentation shows their numbers', t => {
  const record = readRecord('rust');
  t.true(record.size > 0);
  for (const [area, rows] of record) {
    t.true(Object.hasOwn(areas, area), area);
    t.true(rows.length > 0, area);
  }
  t.is(tableOnPage('rust'), tableOf('rust', Object.keys(areas)));
});

test('a result of the repository holds until the function changes', t => {
  const mutantsOf = (...keys) => keys.map(key => ({ key, file: 'a.rs', line: 1, functionStart: 1, functionName: 'f' }));
  const recorded = mutantsOf('1', '2-1', '3', '4', '5');
  const [{ hash }] = functionsOf(recorded);
  const record = new Map([['kv', [{ hash, letters: 'cauS.', file: 'moved.rs', name: 'f' }]]]);
  const accepted = { reasonFor: ({ key }) => (key === '2' ? 'a reason' : undefined) };
  const lettersWith = mutants => {
    const directory = mkdtempSync(path.join(tmpdir(), 'results-'));
    const results = makeResults(directory, 'own.jsonl');
    results.addRecorded(mutants, record);
    rmSync(directory, { recursive: true });
    return mutants.map(mutant => letterOf(mutant, results, accepted)).join('');
  };
  t.is(lettersWith(mutantsOf('1', '2', '3', '4', '5')), 'cauS.');
  t.is(lettersWith(mutantsOf('1', '2', '3', '4', '6')), '.....');
  t.is(lettersWith(mutantsOf('1', '2', '3', '4')), '....');
});

/** The operation whose operator is between `«` and `»`. */
const operationIn = marked => {
  const text = marked.replace(/[«»]/g, '');
  const found = operationAt(text, tokensOf(text), marked.indexOf('«'));
  return found && text.slice(found.start, found.end);
};

test('the operands of an operator are found', t => {
  for (const [marked, expected] of [
    ['let x = a «+» b * c;', 'a + b * c'],
    ['let x = a + b «*» c;', 'b * c'],
    ['let x = a - b «+» c - d;', 'a - b + c'],
    ['if a «&&» b || c {', 'a && b'],
    ['if a && b «||» c {', 'a && b || c'],
    ['if !a.is_empty() «&&» b[1] == (c || d) {', '!a.is_empty() && b[1] == (c || d)'],
    ['found.filter(|x| x.len() «>» 3)', 'x.len() > 3'],
    ['for n in first..last «+» 1 {', 'last + 1'],
    ['let x = a as u64 «<» b;', 'a as u64 < b'],
    ["let x = b'=' «==» c; // a == b", "b'=' == c"],
    ['f(); }\n    count «+=» 1;', 'count += 1'],
    ['Some(n) if n «==» 0 => 1,', 'n == 0'],
    // What follows `let … =` is no operand.
    ['if let Some(x) = y «&&» z {', undefined],
    ['if a «&&» let Some(x) = y {', undefined],
  ]) {
    t.is(operationIn(marked), expected, marked);
  }
});

test('mutants stand beside the code that they replace', t => {
  const text = 'fn f(a: u8) -> bool { a == 1 && !g(a)? }';
  const body = { genre: 'FnValue', start: text.indexOf('a =='), end: text.length - 2, replacement: 'true' };
  const and = { genre: 'BinaryOperator', start: text.indexOf('&&'), end: text.indexOf('&&') + 2, replacement: '||' };
  const not = { genre: 'UnaryOperator', start: text.indexOf('!'), end: text.indexOf('!') + 1, replacement: '' };
  const numbers = new Map([body, and, not].map((mutant, index) => [mutant, index + 1]));
  const made = withSwitches(text, [body, and, not], mutant => numbers.get(mutant));
  t.is(made.mutants.length, 3);
  const active = number => `crate::mutants::active(${number})`;
  t.is(
    made.text,
    `fn f(a: u8) -> bool { if ${active(1)} { return true; }\n(if ${active(2)} { a == 1 || !g(a)? } else ` +
      `{ a == 1 && (if ${active(3)} { g(a)? } else { !g(a)? }) }) }`,
  );
});

test('a match arm is left out by a guard', t => {
  const text = 'match a { 1 => b, _ => c }';
  const arm = { genre: 'MatchArm', start: text.indexOf('1'), end: text.indexOf(' _'), replacement: '' };
  const guarded = text.replace('1 =>', '1 if d =>');
  t.is(withSwitches(text, [arm], () => 7).text, 'match a { 1  if !crate::mutants::active(7) => b, _ => c }');
  t.deepEqual(withSwitches(guarded, [{ ...arm, end: guarded.indexOf(' _') }], () => 7).mutants, []);
});
