// Tests of the documentation's tests: they find faults.
import test from 'ava';
import { checkCommand } from '../support/docs/commands.mjs';
import { corrected, isShown } from '../support/docs/output.mjs';
import { readBlocksOf } from '../support/docs/pages.mjs';

test('output is compared exactly, except for varying parts', t => {
  const shown = ['Wrote 3 files in 0.1 s', 'hash 12ab…', '…', 'the end'];
  const actual = ['Wrote 3 files in 12.9 s', 'hash 12abcdef', 'one', 'two', 'the end'];
  t.true(isShown(shown, actual, ['seconds']));
  t.false(isShown(shown, actual, []), 'seconds vary only where that is said');
  t.false(isShown(shown, ['Wrote 4 files in 0.1 s', ...actual.slice(1)], ['seconds']));
  t.false(isShown(shown, actual.slice(0, -1), ['seconds']));
  t.false(isShown(shown, [...actual, 'more'], ['seconds']));
  t.false(isShown(['a.b'], ['axb'], []), 'what is shown is no expression');
  t.throws(() => isShown([], [], ['moods']), { message: /moods/ });
});

test('a correction changes only wrong lines', t => {
  const shown = ['took 0.1 s', 'hash 12ab…', 'wrong', '…', 'last'];
  const actual = ['took 0.7 s', 'hash 12abcdef', 'right', 'one', 'two', 'the end'];
  t.deepEqual(corrected(shown, actual, ['seconds']), ['took 0.1 s', 'hash 12ab…', 'right', '…', 'the end']);
  t.deepEqual(corrected([], ['new'], []), ['new']);
});

test("a block's comment is parsed, and an invalid one refused", t => {
  const [plain, marked] = readBlocksOf(
    'page',
    '```js\ncode\n```\n\n<!-- test: store=/a,/b exit=1\n before="x y" -->\n```sh\n```\n',
  );
  t.like(plain, { where: 'page:1', line: 1, language: 'js', text: 'code', marker: { store: [], exit: 0 } });
  t.like(marked, { where: 'page:7', language: 'sh', marker: { store: ['/a', '/b'], exit: 1, before: 'x y' } });
  for (const [page, message] of [
    ['<!-- test: skipp="x" -->\n```js\n```', /can't say "skipp"/],
    ['<!-- test: skip -->\n```js\n```', /needs a reason/],
    ['<!-- test: , -->\n```js\n```', /means nothing/],
    ['```js\n', /does not end/],
    ['- ```js\n  ```\n  ```js\n  ```', /left margin/],
  ]) {
    t.throws(() => readBlocksOf('page', page), { message }, page);
  }
});

test("names in commands that can't be run are checked", async t => {
  for (const line of [
    'npm run bench -- --runs 3',
    'npm test',
    'npm ls @agoric/swing-store   # the installed version',
    'node -p process.version',
    'cargo build --no-default-features --features cli --bin swing-store',
    'npx swing-store prune --keep operational',
    'RUST_LOG=1 cargo test --test directory  # a comment',
    '',
  ]) {
    t.deepEqual(await checkCommand(line), [], line);
  }
  for (const [line, fault] of [
    ['npm run bensh', /no script "bensh"/],
    ['npm run bench -- --rums 3', /no option --rums/],
    ['cargo build --features clj', /no feature "clj"/],
    ['cargo test --test nothing', /no tests\/nothing.rs/],
    ['swing-store prunes', /no command "prunes"/],
    ['swing-store prune --keeps x', /no option --keeps/],
    ['node scripts/nothing.mjs', /no scripts\/nothing.mjs/],
    ['rm -rf /', /nothing is known of "rm"/],
  ]) {
    t.regex((await checkCommand(line)).join(), fault, line);
  }
});
