/** Loading the addon: the places where it may be, and the message for each cause of a failure. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
const { NAME, platformName } = require('../../js/addon/platform.js');
const { loadFailure } = require('../../js/addon/load-failure.js');
const own = platformName();
const addon = path.join(root, `${NAME}.${own}.node`);
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

const scratch = mkdtempSync(path.join(tmpdir(), 'swing-store-loading-'));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;

/** Makes a directory in which the package is installed without a binary, optionally next to other packages. */
const install = (packages = {}) => {
  count += 1;
  const directory = path.join(scratch, `${count}`);
  const modules = path.join(directory, 'node_modules');
  for (const name of ['index.js', 'index.mjs', 'js', 'bin', 'package.json']) {
    cpSync(path.join(root, name), path.join(modules, NAME, name), { recursive: true });
  }
  for (const [suffix, { files, ...more }] of Object.entries(packages)) {
    const where = path.join(modules, `${NAME}-${suffix}`);
    mkdirSync(where, { recursive: true });
    writeFileSync(path.join(where, 'package.json'), JSON.stringify({ name: `${NAME}-${suffix}`, version, ...more }));
    for (const [name, contents] of Object.entries(files)) writeFileSync(path.join(where, name), contents);
  }
  return directory;
};

const binaryOf = (contents, more) => ({ [own]: { main: 'it.node', files: { 'it.node': contents }, ...more } });

/** Loads the package in a directory, in a process of its own. */
const load = (directory, { flags = [], env = {}, code = `require('${NAME}'); console.log('loaded')` } = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', code], {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', SWING_STORE_NATIVE_PATH: '', ...env },
  });
  return { status, stdout, stderr, said: /Error: (.*can't load its addon.*)/.exec(stderr)?.[1] };
};

/** Asserts that loading failed with an error that names a cause and a remedy. */
const failsWith = (t, { status, said, stderr }, expected, remedy) => {
  t.is(status, 1, stderr);
  t.regex(said ?? stderr, expected);
  t.regex(said ?? stderr, remedy);
  t.regex(stderr, /code: 'ERR_SWING_STORE_ADDON'/);
};

const linux = process.platform === 'linux' ? test : test.skip;

test('without a binary, the error says how to get one', t => {
  const outcome = load(install());
  failsWith(t, outcome, new RegExp(`: there is no binary for ${own}\\.`), new RegExp(`npm install ${NAME}-${own}`));
  t.notRegex(outcome.said, /can't be loaded|noexec|truncated|bundle/);
});

linux('a file that is not a binary for this process is described', t => {
  const whole = readFileSync(addon);
  const other = Buffer.from(whole);
  other.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18);
  for (const [contents, expected] of [
    ['', /the file is empty/],
    ['no library', /the file is truncated/],
    ['x'.repeat(5000), /the file is not a Linux library/],
    [whole.subarray(0, whole.length / 2), /the file is truncated: \d+ of \d+ bytes/],
    [other, new RegExp(`the file is for (arm64|x64), but this Node.js is for ${process.arch}`)],
  ]) {
    const outcome = load(install(binaryOf(contents)));
    failsWith(t, outcome, expected, /and reinstall/);
    t.notRegex(outcome.said, /there is no binary|Rust/);
  }
});

test('a binary of another version is not used', t => {
  const outcome = load(install(binaryOf(readFileSync(addon), { version: '0.0.0' })));
  failsWith(t, outcome, new RegExp(`has version 0\\.0\\.0, but ${NAME} has version ${version}`), /and reinstall/);
});

test('a source package that has built nothing is named', t => {
  const source = { source: { main: 'index.js', files: { 'index.js': `require('./${NAME}.node')` } } };
  failsWith(t, load(install(source)), /has not built its binary/, /npm rebuild swing-store-native-source/);
});

test('if addons are forbidden, the error says so', t => {
  const directory = install();
  const whole = { SWING_STORE_NATIVE_PATH: addon };
  failsWith(t, load(directory, { flags: ['--no-addons'], env: whole }), /--no-addons/, /from its command line/);
  const options = { NODE_OPTIONS: '--no-addons', ...whole };
  failsWith(t, load(directory, { env: options }), /--no-addons/, /from NODE_OPTIONS/);
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const flags = [permission, '--allow-fs-read=*'];
  failsWith(t, load(directory, { flags, env: whole }), /the permission model/, /add --allow-addons/);
  const allowed = load(directory, { flags: [...flags, '--allow-addons'], env: whole });
  t.is(allowed.stdout, 'loaded\n', allowed.stderr);
});

test('a binary from the environment is the only one tried', t => {
  const file = path.join(scratch, 'any-name');
  symlinkSync(addon, file);
  const directory = install();
  t.is(load(directory, { env: { SWING_STORE_NATIVE_PATH: file } }).stdout, 'loaded\n');
  t.is(
    load(scratch, {
      env: { SWING_STORE_NATIVE_PATH: 'any-name' },
      code: `require('${directory}/node_modules/${NAME}'); console.log('loaded')`,
    }).stdout,
    'loaded\n',
  );
  const broken = path.join(scratch, 'broken');
  writeFileSync(broken, '');
  const outcome = load(install(binaryOf(readFileSync(addon))), { env: { SWING_STORE_NATIVE_PATH: broken } });
  failsWith(
    t,
    outcome,
    /addon from SWING_STORE_NATIVE_PATH: the file is empty/,
    /set SWING_STORE_NATIVE_PATH to an intact binary/,
  );
  const none = load(directory, { env: { SWING_STORE_NATIVE_PATH: '/nowhere/it.node' } });
  failsWith(t, none, /addon from SWING_STORE_NATIVE_PATH: \/nowhere\/it\.node does not exist/, /or unset it/);
});

test('each reason of the system has its own message', t => {
  const file = '/modules/it.node';
  const say = (message, code = 'ERR_DLOPEN_FAILED') =>
    loadFailure([{ file, error: Object.assign(Error(message), { code }) }], own).message;
  for (const [message, expected, remedy] of [
    ["/lib/libc.so.6: version `GLIBC_2.28' not found (required by it.node)", /needs glibc 2\.28 or later/, /-source/],
    ['libc.musl-x86_64.so.1: cannot open shared object file: No such file', /is for musl/, /and reinstall/],
    ['Error relocating it.node: __cxa_thread_atexit_impl: symbol not found', /is for glibc/, /and reinstall/],
    [`${file}: failed to map segment from shared object`, /mounted noexec/, /SWING_STORE_NATIVE_PATH/],
    [
      `${file}: cannot open shared object file: Permission denied`,
      /no permission to read/,
      /grant this user read permission/,
    ],
    [`${file}: cannot open shared object file: Too many open files`, /reached its limit of open files/, /ulimit -n/],
    ['something else', /: something else\./, /and reinstall/],
  ]) {
    t.regex(say(message), expected);
    t.regex(say(message), remedy);
  }
  t.regex(say('denied', 'ERR_ACCESS_DENIED'), /forbids reading .*--allow-fs-read/);
});

test('a command line without its addon fails with one line and its own exit code', t => {
  const bin = path.join(install(), 'node_modules', NAME, 'bin', 'swing-store.js');
  const run = (...args) => spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' });
  const { status, stdout, stderr } = run('verify');
  t.is(status, 3);
  t.regex(stderr, /^error: swing-store-native can't load its addon: .*\n$/);
  t.is(stdout, '');
  const json = run('verify', '--json');
  t.is(json.status, 3);
  t.is(JSON.parse(json.stdout).error.code, 'ERR_SWING_STORE_ADDON');
});

linux('the C library is detected without process.report', t => {
  const platform = file => {
    const code = `
      Object.defineProperty(process, 'report', { get() { throw Error('asked for a report'); } });
      ${file ? `Object.defineProperty(process, 'execPath', { value: ${JSON.stringify(file)} });` : ''}
      console.log(require(${JSON.stringify(path.join(directory, 'node_modules', NAME, 'js', 'addon', 'platform.js'))}).platformName());`;
    return load(directory, { code }).stdout.trim();
  };
  const directory = install();
  const { name = own } = { name: platform() };
  t.is(name, own);
  for (const [libc, linker] of [
    ['musl', '/lib/ld-musl-x86_64.so.1'],
    ['gnu', '/lib64/ld-linux-x86-64.so.2'],
  ]) {
    const program = path.join(scratch, libc);
    writeFileSync(program, `\x7fELF${'\0'.repeat(800)}${linker}\0`);
    t.is(platform(program), `linux-${process.arch}-${libc}`);
  }
  t.regex(platform('/nowhere'), /^linux-/);
  const code = `Object.defineProperty(process, 'report', { value: undefined }); require('${NAME}'); console.log('loaded')`;
  t.is(load(directory, { code, env: { SWING_STORE_NATIVE_PATH: addon } }).stdout, 'loaded\n');
});

/** Makes a bundle as bundlers do: all modules in one file, each in a function. */
const bundle = directory => {
  const files = [
    'index.js',
    ...readdirSync(path.join(root, 'js'), { recursive: true })
      .filter(name => name.endsWith('.js'))
      .map(name => `js/${name.replaceAll(path.sep, '/')}`),
  ];
  const modules = files.map(
    file =>
      `${JSON.stringify(file)}: (module, exports, require) => {\n${readFileSync(path.join(root, file), 'utf8')}\n}`,
  );
  const file = path.join(directory, 'bundle.js');
  writeFileSync(
    file,
    `const modules = {${modules.join(',\n')}};
     const cache = {};
     const load = (name, from) => {
       if (!name.startsWith('.')) return require(name);
       const file = require('node:path').posix.join(require('node:path').dirname(from), name);
       if (cache[file]) return cache[file].exports;
       const module = (cache[file] = { exports: {} });
       modules[file](module, module.exports, other => load(other, file));
       return module.exports;
     };
     load('./index.js', 'main.js').initSwingStore(null);
     console.log('loaded');`,
  );
  return file;
};

test('in a bundle, the error says what to do, and the environment can name the binary', t => {
  const directory = mkdtempSync(path.join(scratch, 'bundle-'));
  // The bundle is part of an application, whose version is unrelated to the addon's.
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ name: 'application', version: '9.9.9' }));
  const dist = path.join(directory, 'dist', 'node');
  mkdirSync(dist, { recursive: true });
  const code = `require(${JSON.stringify(bundle(dist))})`;
  const outcome = load(directory, { code });
  failsWith(
    t,
    outcome,
    /it is part of a bundle \(.*bundle\.js\)/,
    /external.*set SWING_STORE_NATIVE_PATH to the path of the binary/,
  );
  t.is(load(directory, { code, env: { SWING_STORE_NATIVE_PATH: addon } }).stdout, 'loaded\n');
  // A package that is installed next to the bundle is found, too.
  const where = path.join(directory, 'node_modules', `${NAME}-${own}`);
  mkdirSync(where, { recursive: true });
  writeFileSync(path.join(where, 'package.json'), JSON.stringify({ main: 'it.node', version }));
  symlinkSync(addon, path.join(where, 'it.node'));
  t.is(load(directory, { code }).stdout, 'loaded\n');
});
