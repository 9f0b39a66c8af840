// The choice of the binary, and the error if none can be loaded, with fake files instead of addons. `addon-loading.test.mjs`
// does the same with real addons, in separate processes.
import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';

import { internal, internalFile } from '../support/common/internals.mjs';

const require = createRequire(import.meta.url);
const nodeFs = require('node:fs');

const NAME = 'swing-store-native';
const VARIABLE = 'SWING_STORE_NATIVE_PATH';

const scratch = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'swing-store-load-'));
test.after.always(() => fs.rmSync(scratch, { recursive: true, force: true }));

const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip;

/** Calls a function while properties of an object have other values. */
const withProperties = (object, values, act) => {
  const before = Object.keys(values).map(name => [name, Object.getOwnPropertyDescriptor(object, name)]);
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: true });
  }
  try {
    return act();
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(object, name, descriptor);
      else delete object[name];
    }
  }
};

const withEnvironment = (values, act) => {
  const before = Object.keys(values).map(name => [name, process.env[name]]);
  Object.assign(process.env, values);
  for (const [name, value] of Object.entries(values)) if (value === undefined) delete process.env[name];
  try {
    return act();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
};

const MACHINES = { ia32: 3, arm: 40, x64: 62, arm64: 183, riscv64: 243 };

/** The header of a Linux library whose section table begins at 64 and has two entries of 10 bytes. */
const elf = (change = () => {}, size = 84) => {
  const bytes = Buffer.alloc(size);
  bytes.write('\x7fELF', 'latin1');
  bytes[4] = 2;
  bytes.writeUInt16LE(MACHINES[process.arch] ?? 62, 18);
  bytes.writeBigUInt64LE(64n, 40);
  bytes.writeUInt16LE(10, 58);
  bytes.writeUInt16LE(2, 60);
  change(bytes);
  return bytes;
};

onLinux('faults of a library are found before it is loaded', t => {
  const { problemWith } = internal('load-failure.js');
  const file = path.join(scratch, 'library.node');
  const problem = bytes => {
    fs.writeFileSync(file, bytes);
    return problemWith(file);
  };
  t.is(problem(elf()), undefined);
  t.is(problem(elf(() => {}, 90)), undefined);
  t.regex(problem(''), /empty/);
  t.regex(problem(elf().subarray(0, 63)), /truncated$/);
  t.regex(problem(elf().subarray(0, 64)), /truncated: 64 of 84 bytes$/);
  t.regex(problem(elf(() => {}, 83)), /truncated: 83 of 84 bytes$/);
  t.regex(problem(elf(bytes => bytes.write('MZ'))), /not a Linux library/);
  t.regex(
    problem(elf(bytes => (bytes[4] = 1))),
    new RegExp(`for ${process.arch}, but this Node.js is for ${process.arch}`),
  );
  for (const [arch, machine] of Object.entries({ ...MACHINES, 'another processor': 9 })) {
    const bytes = elf(each => each.writeUInt16LE(machine, 18));
    if (arch === process.arch) t.is(problem(bytes), undefined);
    else t.regex(problem(bytes), new RegExp(`is for ${arch}, but this Node.js is for ${process.arch}`));
    t.is(
      withProperties(process, { arch }, () => problem(bytes)),
      undefined,
    );
  }
  // Unreadable files and those of other systems are left to the loader.
  t.is(problemWith(path.join(scratch, 'none.node')), undefined);
  fs.writeFileSync(file, '');
  t.is(
    withProperties(process, { platform: 'darwin' }, () => problemWith(file)),
    undefined,
  );
});

test.serial('the error names one cause and its remedy', t => {
  const { loadFailure } = internal('load-failure.js');
  const file = path.join(scratch, 'here.node');
  fs.writeFileSync(file, '');
  const none = path.join(scratch, 'none.node');
  const told = (failure, platform = 'linux-x64-gnu') => loadFailure(failure ? [failure].flat() : [], platform);
  const said = (message, code, where = file) =>
    told({ file: where, error: Object.assign(Error(message), { code }) }).message;

  const failure = { file, error: Error('whatever the system says') };
  const error = told([failure, { file, error: Error('another') }]);
  t.is(error.code, 'ERR_SWING_STORE_ADDON');
  t.is(error.cause, failure.error);
  t.regex(
    error.message,
    /^swing-store-native can't load its addon: whatever the system says\. To fix this, .*reinstall.*linux-x64-gnu/,
  );
  t.is(told(undefined).cause, undefined);
  t.regex(told(undefined).message, /no binary for linux-x64-gnu.*npm install swing-store-native-linux-x64-gnu/);

  t.regex(
    said('the file is empty: /permission denied/it.node', 'ERR_DAMAGED'),
    /: the file is empty: \/permission denied\/it\.node\. To fix this, remove/,
  );
  t.regex(
    said("it has version 1, GLIBC_2.99' not found", 'ERR_VERSION'),
    /: it has version 1, GLIBC.*To fix this, remove/,
  );
  t.regex(said('Cannot find it', 'MODULE_NOT_FOUND'), /swing-store-native-source.*npm rebuild/);
  t.regex(said('Cannot load', 'ERR_DLOPEN_DISABLED'), /--no-addons.*remove this option from its options/);
  t.regex(said('Access', 'ERR_ACCESS_DENIED'), /permission model.*here\.node.*--allow-fs-read/);
  t.regex(told({ error: Object.assign(Error('Access'), { code: 'ERR_ACCESS_DENIED' }) }).message, /reading its binary/);
  const glibc = said("version `GLIBC_2.2.5' not found, version `GLIBC_2.35' not found");
  t.regex(glibc, /needs glibc 2\.28.*2\.35 is missing.*Rust/);
  t.regex(said("version `GLIBC_2.2.5' not found"), /\(2\.2\.5 is missing\)/);
  for (const message of ['libc.musl-x86_64.so.1: cannot open', 'ld-musl-x86_64.so.1'])
    t.regex(said(message), /is for musl/);
  for (const message of ['ld-linux-x86-64.so.2', 'Error relocating x', 'libc.so.6: x', 'libgcc_s.so.1: x']) {
    t.regex(said(message), /is for glibc/);
  }
  for (const message of ['failed to map segment from it', 'operation not permitted']) t.regex(said(message), /noexec/);
  const gone = 'No such file or directory';
  t.regex(said(gone, undefined, none), /none\.node does not exist/);
  t.regex(said(gone), /: No such file or directory\. To fix/);
  t.regex(said(gone, undefined, undefined), /: No such file or directory\. To fix/);
  t.regex(said('too many open files'), /limit of open files/);
  for (const message of ['permission denied', 'EACCES: x']) t.regex(said(message), /no permission to read/);

  withEnvironment({ [VARIABLE]: file }, () => {
    t.regex(said('x'), new RegExp(`can't load its addon from ${VARIABLE}: x\\. To fix this, set ${VARIABLE} to`));
  });
});

test.serial('disabled addons, and an old Node.js', t => {
  const { loadFailure } = internal('load-failure.js');
  const error = Object.assign(Error('Cannot load'), { code: 'ERR_DLOPEN_DISABLED' });
  const said = () => loadFailure([{ file: 'x.node', error }], 'linux-x64-gnu').message;
  t.regex(withProperties(process, { permission: { has: () => false } }, said), /permission model.*--allow-addons/);
  t.regex(withProperties(process, { execArgv: ['--no-addons'] }, said), /from its command line/);
  t.regex(withEnvironment({ NODE_OPTIONS: '--no-addons' }, said), /from NODE_OPTIONS/);
  t.regex(
    withEnvironment({ NODE_OPTIONS: '--no-addons' }, () =>
      withProperties(process, { execArgv: ['--no-addons'] }, said),
    ),
    /from its command line/,
  );
  t.regex(withEnvironment({ NODE_OPTIONS: undefined }, said), /from its options/);
  t.regex(withProperties(process, { execArgv: ['--other'] }, said), /from its options/);

  const on = node => withProperties(process, { versions: { ...process.versions, node } }, said);
  for (const old of ['18.20.0', '20.8.1', '0.12.0', '19.10.0'])
    t.regex(on(old), new RegExp(`needs Node.js 20\\.9.*${old}`));
  for (const fine of ['20.9.0', '20.10.0', '21.0.0', '22.1.0', '100.0.0']) t.notRegex(on(fine), /needs Node/);
});

test.serial('a bundle without a binary next to it', t => {
  const bundle = path.join(scratch, 'bundle');
  fs.mkdirSync(bundle, { recursive: true });
  for (const name of ['load-failure.js', 'platform.js']) fs.copyFileSync(internalFile(name), path.join(bundle, name));
  const { loadFailure } = require(path.join(bundle, 'load-failure.js'));
  const said = () => loadFailure([], 'linux-x64-gnu').message;
  t.regex(said(), /there is no binary for/);
  fs.rmSync(path.join(bundle, 'load-failure.js'));
  t.regex(said(), /part of a bundle \(.*load-failure\.js\).*external/);
});

onLinux('the platform is detected from the program and the system', t => {
  const { platformName, headOf, NAME: name } = internal('platform.js');
  t.is(name, NAME);
  const file = path.join(scratch, 'program');
  const on = (contents, { lib = [], lib64 = [] } = {}) => {
    if (contents === undefined) fs.rmSync(file, { force: true });
    else fs.writeFileSync(file, contents);
    const original = nodeFs.readdirSync;
    const readdirSync = (dir, ...others) => {
      const found = { '/lib': lib, '/lib64': lib64 }[dir];
      if (found instanceof Error) throw found;
      return found ?? original(dir, ...others);
    };
    return withProperties(nodeFs, { readdirSync }, () =>
      withProperties(process, { execPath: file, arch: 'x64' }, platformName),
    );
  };
  const [gnu, musl] = ['linux-x64-gnu', 'linux-x64-musl'];
  const muslLib = { lib: ['ld-musl-x86_64.so.1'] };
  const gnuLib = { lib: ['ld-linux-x86-64.so.2'] };
  t.is(on('…/lib/ld-musl-x86_64.so.1…', gnuLib), musl);
  t.is(on('…/lib64/ld-linux-x86-64.so.2…', muslLib), gnu);
  t.is(on('…/lib/ld64.so.2…', muslLib), gnu);
  // A program without a linker's name, or an unreadable one.
  for (const contents of ['static', undefined]) {
    t.is(on(contents, muslLib), musl);
    t.is(on(contents, gnuLib), gnu);
    t.is(on(contents, { lib: ['other'] }), gnu);
    t.is(on(contents, { lib: ['a-ld-musl-'] }), gnu);
    t.is(on(contents, { lib: ['ld-musl-x86_64.so.1', 'ld-linux-x86-64.so.2'] }), gnu);
    t.is(on(contents, { ...muslLib, lib64: ['ld-linux-x86-64.so.2'] }), gnu);
    t.is(on(contents, { ...muslLib, lib64: ['a-ld-linux'] }), musl);
    t.is(on(contents, { ...muslLib, lib64: Error('none') }), musl);
    t.is(on(contents, { lib: Error('none'), lib64: ['ld-musl-x86_64.so.1'] }), gnu);
  }
  for (const [platform, expected] of [
    ['darwin', 'darwin-arm64'],
    ['win32', 'win32-arm64-msvc'],
  ]) {
    t.is(withProperties(process, { platform, arch: 'arm64' }, platformName), expected);
  }
  fs.writeFileSync(file, 'abcdef');
  t.is(`${headOf(file, 3)}`, 'abc');
  t.is(`${headOf(file, 30)}`, 'abcdef');
  const before = fs.readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 20; i += 1) headOf(file, 3);
  t.is(fs.readdirSync('/proc/self/fd').length, before);
});

/** Creates a package with binaries that export their own path, and loads it. */
const loadFrom = (files, { environment = {}, fails = {} } = {}) => {
  const dir = fs.mkdtempSync(path.join(scratch, 'package-'));
  const own = path.join(dir, 'node_modules', NAME);
  const addon = path.join(own, 'js', 'addon');
  fs.mkdirSync(addon, { recursive: true });
  for (const name of ['load-failure.js', 'native.js', 'platform.js'])
    fs.copyFileSync(internalFile(name), path.join(addon, name));
  fs.writeFileSync(path.join(own, 'package.json'), JSON.stringify({ name: NAME, version: '1.2.3' }));
  for (const [name, contents] of Object.entries(files)) {
    const file = path.join(dir, 'node_modules', name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (contents === undefined) {
      fs.rmSync(file);
      continue;
    }
    fs.writeFileSync(
      file,
      typeof contents === 'object' && !Buffer.isBuffer(contents) ? JSON.stringify(contents) : contents,
    );
  }
  const tried = [];
  const load = (made, file, how) => {
    const name = path.relative(path.join(dir, 'node_modules'), file).split(path.sep).join('/');
    tried.push(`${how} ${name}`);
    if (fails[name]) throw Error(fails[name]);
    made.exports.loaded = name;
  };
  const named = environment[VARIABLE];
  const env = { [VARIABLE]: named && path.join(dir, 'node_modules', named) };
  return withEnvironment(env, () =>
    withProperties(Module._extensions, { '.node': (made, file) => load(made, file, 'require') }, () =>
      withProperties(process, { dlopen: (made, file) => load(made, file, 'dlopen') }, () => {
        try {
          return { ...require(path.join(addon, 'native.js')), tried };
        } catch (error) {
          return { error, tried };
        }
      }),
    ),
  );
};

onLinux("the order is the binary built here, the platform's package, the source package", t => {
  const { platformName } = internal('platform.js');
  const platform = platformName();
  const built = `${NAME}/${NAME}.${platform}.node`;
  const prebuilt = `${NAME}-${platform}/index.node`;
  const source = `${NAME}-source/${NAME}.node`;
  const manifest = (name, main, version = '1.2.3') => ({ [`${name}/package.json`]: { name, version, main } });
  const prebuiltFiles = version => ({ ...manifest(`${NAME}-${platform}`, 'index.node', version), [prebuilt]: elf() });
  const sourceFiles = version => ({
    ...manifest(`${NAME}-source`, 'index.js', version),
    [`${NAME}-source/index.js`]: 'throw Object.assign(Error("not built"), { code: "MODULE_NOT_FOUND" });',
    [source]: elf(),
  });
  const everything = { [built]: elf(), ...prebuiltFiles(), ...sourceFiles() };

  t.deepEqual(loadFrom(everything), { loaded: built, tried: [`require ${built}`] });
  t.deepEqual(loadFrom({ ...prebuiltFiles(), ...sourceFiles() }), { loaded: prebuilt, tried: [`require ${prebuilt}`] });
  t.deepEqual(loadFrom(sourceFiles()), { loaded: source, tried: [`require ${source}`] });
  // After a failure, the next one is tried.
  t.is(loadFrom(everything, { fails: { [built]: 'no' } }).loaded, prebuilt);
  t.is(loadFrom({ ...everything, [built]: '' }).loaded, prebuilt);
  t.deepEqual(loadFrom({ ...everything, [built]: '', [prebuilt]: '' }).tried, [`require ${source}`]);
  t.is(loadFrom({ ...prebuiltFiles('1.2.4'), ...sourceFiles() }).loaded, source);

  const failure = (files, options) => {
    const { error, loaded } = loadFrom(files, options);
    t.is(loaded, undefined);
    t.is(error.code, 'ERR_SWING_STORE_ADDON');
    return error;
  };
  t.regex(failure({}).message, /no binary for/);
  t.regex(failure({ [built]: '', [prebuilt]: elf() }).message, /the file is empty: .*\.node/);
  const wrong = failure(prebuiltFiles('1.2.4'));
  t.is(wrong.cause.code, 'ERR_VERSION');
  t.regex(wrong.message, /has version 1\.2\.4, but swing-store-native has version 1\.2\.3/);
  t.is(failure(sourceFiles('1.2.4')).cause.code, 'ERR_VERSION');
  const unbuilt = { ...sourceFiles() };
  delete unbuilt[source];
  t.regex(failure(unbuilt).message, /npm rebuild/);
  const outdated = { ...sourceFiles('1.2.4') };
  delete outdated[source];
  t.is(failure(outdated).cause.code, 'ERR_VERSION');
  t.is(failure({ [built]: '' }).cause.code, 'ERR_DAMAGED');
  // The error reports the first failure.
  t.regex(
    failure(everything, { fails: { [built]: 'first', [prebuilt]: 'second', [source]: 'third' } }).message,
    /: first\./,
  );

  // In an application's bundle, the version is unrelated to the addon's.
  const bundled = { ...prebuiltFiles('1.2.4'), [`${NAME}/package.json`]: { name: 'app', version: '9.0.0' } };
  t.is(loadFrom(bundled).loaded, prebuilt);
  t.is(loadFrom({ ...bundled, [`${NAME}/package.json`]: undefined }).loaded, prebuilt);

  // A file that the environment names is the only one tried.
  const other = `${NAME}/other.bin`;
  const environment = { [VARIABLE]: other };
  t.deepEqual(loadFrom({ ...everything, [other]: elf() }, { environment }), {
    loaded: other,
    tried: [`dlopen ${other}`],
  });
  const named = failure({ ...everything, [other]: '' }, { environment });
  t.regex(named.message, new RegExp(`from ${VARIABLE}: the file is empty`));
  t.regex(failure({ ...everything, [other]: elf() }, { environment, fails: { [other]: 'no' } }).message, /: no\./);
});
