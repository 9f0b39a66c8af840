/** CI and releases use fixed versions of everything, and the job that may publish builds nothing. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

import { names, ownersOf, placeholder } from '../../scripts/release/reserve.mjs';
import { problemsOf } from '../support/packaging/workflow-rules.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (...parts) => readFileSync(path.join(root, ...parts), 'utf8');

const files = readdirSync(path.join(root, '.github'), { recursive: true }).filter(file => file.endsWith('.yml'));

test('workflows use fixed versions, and have only the permissions that they need', t => {
  t.true(files.length >= 3);
  for (const file of files) t.deepEqual(problemsOf(read('.github', file)), [], file);
});

const workflow = (job, permissions = '{ contents: read }') => `permissions: ${permissions}\njobs:\n  it:\n${job}\n`;
const steps = (...lines) => workflow(`    steps:\n${lines.map(line => `      ${line}`).join('\n')}`);
const commit = '0123456789abcdef0123456789abcdef01234567';
const publishing = (...lines) =>
  steps(...lines).replace('    steps:', '    permissions: { id-token: write }\n    steps:');

for (const [title, text, expected] of [
  ['an action by its tag', steps('- uses: actions/setup-node@v5'), /not pinned/],
  ['an action by a short commit', steps(`- uses: a/b@${commit.slice(1)} # v1.0.0`), /not pinned/],
  ['a commit without its version', steps(`- uses: a/b@${commit}`), /not pinned/],
  ['credentials in the checkout', steps(`- uses: actions/checkout@${commit} # v5.0.0`), /credentials/],
  ['a tool of any version', steps('- run: cargo install --locked cargo-about'), /no fixed version/],
  ['a tool whose crates have any version', steps('- run: cargo install --version 1.0.0 a'), /no fixed version/],
  ['a tool in the middle of a line', steps('- run: a && pipx install ziglang && b'), /no fixed version/],
  ['any toolchain', steps('- run: rustup toolchain install stable'), /no fixed version/],
  ['a build that may change the lock file', steps('- run: cargo build --release'), /without --locked/],
  // eslint-disable-next-line no-template-curly-in-string -- of GitHub's
  ['a script that others complete', steps('- run: echo ${{ github.head_ref }}'), /others may choose/],
  ['rights for all jobs', workflow('    steps: []', 'write-all'), /more than read/],
  ['rights that nobody named', workflow('    steps: []', '{ }'), /more than read/],
  ['a right that no job needs', workflow('    permissions: { packages: write }\n    steps: []'), /right to write/],
  [
    'a script where it may write to the repository',
    steps('- run: node scripts/release/program.mjs').replace(
      '    steps:',
      '    permissions: { contents: write }\n    steps:',
    ),
    /may publish, and runs/,
  ],
  [
    'a release of another name',
    steps('- run: gh release create v1.0.0 a.tgz').replace(
      '    steps:',
      '    permissions: { contents: write }\n    steps:',
    ),
    /may publish, and runs/,
  ],
  [
    'a checkout where it may publish',
    publishing(`- uses: actions/checkout@${commit} # v5.0.0`),
    /may publish, and uses/,
  ],
  [
    'a build where it may publish',
    publishing('- run: cargo install --locked --version 1.0.0 a'),
    /may publish, and runs/,
  ],
  ['a script where it may publish', publishing('- run: node scripts/release/pack.mjs'), /may publish, and runs/],
  ['scripts of packages that it publishes', publishing('- run: npm publish a.tgz'), /may publish, and runs/],
  [
    'a release from a cache',
    publishing(`- uses: actions/setup-node@${commit} # v5.0.0`, '  with: { cache: npm }'),
    /cache/,
  ],
]) {
  test(`refused: ${title}`, t => {
    t.regex(problemsOf(text).join('\n'), expected);
  });
}

test('every build of the project uses Cargo.lock', t => {
  const builds = [
    ...['build.mjs', 'docs/build.mjs', 'release/build.mjs', 'release/check-source.mjs'].map(file =>
      read('scripts', ...file.split('/')),
    ),
    read('__test__', 'torture', 'check-memory.mjs'),
    read('__test__', 'torture', 'disk.mjs'),
    read('npm', 'source', 'build.mjs'),
  ];
  for (const text of builds) {
    // A list of arguments may be spread over several lines.
    const lines = text
      .replace(/\[[^[\]]*\]/g, list => list.replace(/\s+/g, ' '))
      .split('\n')
      .filter(line => /'(build|check|test|doc)', ?'-/.test(line) || /'build', '/.test(line));
    t.true(lines.length > 0, text);
    for (const line of lines) t.regex(line, /'--locked'/);
  }
  const commands = read('.ci', 'run').match(/^step cargo (?!fmt).*$/gm);
  t.true(commands.length > 1);
  for (const command of commands) t.regex(command, /--locked/);
});

test("CI's version of Rust satisfies Cargo.toml, and rustup needs no other source", t => {
  const [, least] = /^rust-version = "1\.(\d+)"$/m.exec(read('Cargo.toml'));
  const [, minor] = /^1\.(\d+)\.\d+\n$/.exec(read('.github', 'rust-version'));
  t.true(Number(minor) >= Number(least));
  t.regex(read('.github', 'rust-nightly'), /^nightly-\d{4}-\d\d-\d\d\n$/);
  t.deepEqual(
    readdirSync(root).filter(file => file.startsWith('rust-toolchain')),
    [],
  );
});

test('every package name is reserved, once', t => {
  t.is(new Set(names()).size, 9);
  t.deepEqual(placeholder('a').version, '0.0.0');
  t.is(placeholder('a').scripts, undefined);
  const refuse = text => () => {
    throw Error(text);
  };
  t.is(ownersOf('a', refuse('npm error code E404')), undefined);
  t.throws(() => ownersOf('a', refuse('npm error code ECONNREFUSED')), { message: /ECONNREFUSED/ });
  t.deepEqual(
    ownersOf('a', () => '["me <me@example.org>", "you <you@example.org>"]'),
    ['me', 'you'],
  );
  t.deepEqual(
    ownersOf('a', () => '{ "name": "me", "email": "me@example.org" }'),
    ['me'],
  );
});
