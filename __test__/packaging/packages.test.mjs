/** The published packages: they have one version, install, find their binary, and explain what to do without one. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import test from 'ava';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

import { layOut } from '../../scripts/release/lay-out.mjs';
import { pack } from '../../scripts/release/pack.mjs';
import { main, outOfDate } from '../../scripts/release/packages.mjs';
import { platforms } from '../../scripts/release/platforms.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { NAME, platformName } = createRequire(import.meta.url)('../../js/addon/platform.js');
const own = platformName();
const addon = path.join(root, `${NAME}.${own}.node`);

const scratch = mkdtempSync(path.join(tmpdir(), 'swing-store-packages-'));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** Everything that can be packed here: the package, that of this platform's binary, that of the source. */
const packed = pack(path.join(scratch, 'packed'), {
  binary: ({ name }) => (name === own ? addon : path.join(scratch, 'none')),
});

/** A directory in which those packages are installed whose names end so. */
const install = (where, ...suffixes) => {
  const directory = path.join(scratch, where);
  layOut(
    packed.filter(({ name }) => suffixes.some(suffix => name === `${NAME}${suffix}`)),
    directory,
  );
  return directory;
};

const node = (directory, ...args) => spawnSync(process.execPath, args, { cwd: directory, encoding: 'utf8' });

const loading = directory => node(directory, '--input-type=module', '--eval', `await import('${NAME}')`);

test('all packages and the crate have the same version', t => {
  t.deepEqual(outOfDate(), [], 'run "npm run packages"');
  const [, version] = /^version = "(.*)"$/m.exec(readFileSync(path.join(root, 'Cargo.toml'), 'utf8'));
  t.is(version, main().version);
});

test('the release workflow builds for every platform', t => {
  const workflow = readFileSync(path.join(root, '.github', 'workflows', 'release.yml'), 'utf8');
  for (const { name, target, runner } of platforms) {
    t.true(workflow.includes(`- { platform: ${name}, runner: ${runner}, target: ${target} }`), name);
  }
});

test('the package is small, lists the binaries, and works with that of its platform', t => {
  const { unpackedSize } = packed.find(({ name }) => name === NAME);
  t.true(unpackedSize < 1e6, `${unpackedSize} bytes`);
  const directory = install('whole', '', `-${own}`);
  const { optionalDependencies, version } = JSON.parse(
    readFileSync(path.join(directory, 'node_modules', NAME, 'package.json'), 'utf8'),
  );
  t.deepEqual(
    optionalDependencies,
    Object.fromEntries(platforms.map(platform => [`${NAME}-${platform.name}`, version])),
  );
  cpSync(path.join(root, 'scripts', 'release', 'check-installed.mjs'), path.join(directory, 'check.mjs'));
  const { status, stdout, stderr } = node(directory, 'check.mjs');
  t.is(status, 0, stderr);
  t.regex(stdout, /works on Node\.js/);
});

test('the manifests and the types are correct for every kind of caller', async t => {
  const whole = install('linted', '', `-${own}`, '-source');
  for (const { name } of packed) {
    const pkgDir = path.join(whole, 'node_modules', name);
    const { messages, pkg } = await publint({ pkgDir, strict: true, pack: false });
    t.deepEqual(
      messages.map(message => formatMessage(message, pkg)),
      [],
      name,
    );
  }
  const { file } = packed.find(({ name }) => name === NAME);
  const { types, problems, entrypoints } = await checkPackage(createPackageFromTarballData(readFileSync(file)));
  t.is(types.kind, 'included');
  t.deepEqual(Object.keys(entrypoints), ['.', './package.json']);
  t.deepEqual(problems, []);
});

test('links between the pages of the package have targets in it', t => {
  const directory = path.join(install('linked', ''), 'node_modules', NAME);
  const pages = readdirSync(directory, { recursive: true }).filter(file => file.endsWith('.md'));
  t.true(pages.includes('README.md') && pages.length > 10);
  for (const page of pages) {
    const text = readFileSync(path.join(directory, page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#\s]+)/g)].map(([, link]) => link).filter(link => !/^[a-z]+:/.test(link));
    const dead = links.filter(link => !existsSync(path.join(directory, path.dirname(page), link)));
    t.deepEqual(dead, [], page);
  }
});

test('a released package says where it comes from', t => {
  const [released] = pack(path.join(scratch, 'released'), {
    binary: ({ name }) => (name === own ? addon : path.join(scratch, 'none')),
    repository: 'https://example.org/owner/project',
  });
  layOut([released], path.join(scratch, 'from'));
  const text = readFileSync(path.join(scratch, 'from', 'node_modules', released.name, 'package.json'), 'utf8');
  t.like(JSON.parse(text), {
    repository: { type: 'git', url: 'git+https://example.org/owner/project.git' },
    homepage: 'https://example.org/owner/project#readme',
    bugs: { url: 'https://example.org/owner/project/issues' },
  });
});

test('without a binary, the error says what to do', t => {
  const { status, stderr } = loading(install('bare', ''));
  t.is(status, 1);
  t.true(stderr.includes(`${NAME} can't load its addon: there is no binary for ${own}`), stderr);
  t.true(stderr.includes(`npm install ${NAME}-${own}`), stderr);
  t.true(stderr.includes(`npm install ${NAME}-source`), stderr);
});

test("a binary that can't be loaded is named with the reason", t => {
  const directory = install('damaged', '', `-${own}`);
  writeFileSync(path.join(directory, 'node_modules', `${NAME}-${own}`, path.basename(addon)), 'no library');
  const { status, stderr } = loading(directory);
  t.is(status, 1);
  t.regex(stderr, /can't load its addon: the file is truncated: .*\.node/);
});

/** What the package with the source does where `cargo` is this program. */
const building = (where, cargo) => {
  const directory = install(where, '', '-source');
  const programs = path.join(directory, 'programs');
  mkdirSync(programs);
  if (cargo) writeFileSync(path.join(programs, 'cargo'), `#!${process.execPath}\n${cargo}`, { mode: 0o755 });
  const source = path.join(directory, 'node_modules', `${NAME}-source`);
  const { status, stderr } = spawnSync(process.execPath, ['build.mjs'], {
    cwd: source,
    env: { ...process.env, PATH: programs },
    encoding: 'utf8',
  });
  return { directory, source, status, stderr };
};

const posix = process.platform === 'win32' ? test.skip : test;

posix('the package with the source builds a binary that is found', t => {
  const library = process.platform === 'darwin' ? 'libswing_store.dylib' : 'libswing_store.so';
  const { directory, source, status, stderr } = building(
    'built',
    `const fs = require('node:fs');
     const release = process.env.CARGO_TARGET_DIR + '/release';
     for (const file of ['Cargo.toml', 'Cargo.lock', 'src/lib.rs', 'benches', '.cargo/config.toml', 'build.rs']) {
       fs.statSync(file);
     }
     if (!process.argv.includes('--locked')) throw new Error('not locked');
     fs.mkdirSync(release, { recursive: true });
     fs.copyFileSync(${JSON.stringify(addon)}, release + '/${library}');`,
  );
  t.is(status, 0, stderr);
  t.false(readdirSync(source).includes('target'), 'what it took to build is gone');
  t.is(loading(directory).status, 0);
});

posix('it says why it could not build', t => {
  const none = building('without-cargo');
  t.is(none.status, 1);
  t.regex(none.stderr, /"cargo" could not be run .*\nInstall Rust/);
  const old = building('old-cargo', `console.error('error: package requires rustc 1.89'); process.exit(101);`);
  t.is(old.status, 1);
  t.regex(old.stderr, /requires rustc 1\.89\n"cargo build" failed \(exit code 101\)\.\nThis Rust is too old/);
  t.false(readdirSync(old.source).includes('target'));
});
