'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { NAME, headOf } = require('./platform.js');

/** The variable that names the binary. */
const VARIABLE = 'SWING_STORE_NATIVE_PATH';

/** The oldest Node.js, and the oldest glibc, that a binary is for. */
const NODE = [20, 9];
const GLIBC = '2.28';

/** Processors by their numbers in ELF files. */
const ELF_MACHINES = new Map([
  [3, 'ia32'],
  [40, 'arm'],
  [62, 'x64'],
  [183, 'arm64'],
  [243, 'riscv64'],
]);

/** What is wrong with a library of Linux's, judging by its contents; `undefined` if nothing is seen. */
const problemWithElf = file => {
  const head = headOf(file, 64);
  const { size } = fs.statSync(file);
  if (size === 0) return 'the file is empty';
  if (head.length < 64) return 'the file is cut off';
  if (head.readUInt32BE(0) !== 0x7f454c46) return 'the file is no library of Linux';
  const machine = ELF_MACHINES.get(head.readUInt16LE(18)) ?? 'another processor';
  if (head[4] !== 2 || machine !== process.arch)
    return `the file is for ${machine}, and this Node.js for ${process.arch}`;
  // The table of sections comes last.
  const end = Number(head.readBigUInt64LE(40)) + head.readUInt16LE(58) * head.readUInt16LE(60);
  return end > size ? `the file is cut off, at ${size} of ${end} bytes` : undefined;
};

/**
 * What is wrong with a binary, as far as can be seen before it is loaded: the system ends a process that loads one that
 * is cut off.
 */
const problemWith = file => {
  try {
    return process.platform === 'linux' ? problemWithElf(file) : undefined;
  } catch {
    return undefined;
  }
};

const again = platform =>
  process.env[VARIABLE]
    ? `let ${VARIABLE} name a whole binary for ${platform}, or do without it`
    : `remove node_modules/${NAME}* and install again ("npm install", or "npm install ${NAME}-${platform}")`;

const fromSource =
  `install Rust (https://rustup.rs) and run "npm install ${NAME}-source", which builds one; ` +
  `in a clone of the project, "npm run build" does`;

/** Why addons are not loaded at all, if that is so. */
const addonsAreOff = () => {
  if (process.permission) {
    return [
      'Node.js runs with permissions, and without the one for addons',
      'add --allow-addons, and --allow-fs-read and --allow-fs-write for the directories of the stores',
    ];
  }
  const [, where] =
    [
      [process.execArgv.includes('--no-addons'), 'its command line'],
      [/--no-addons/.test(process.env.NODE_OPTIONS ?? ''), 'NODE_OPTIONS'],
    ].find(([is]) => is) ?? [];
  return ['Node.js runs with --no-addons', `take that out of ${where ?? 'its options'}`];
};

/**
 * The cause of a failure to load a file, and the remedy, in words.
 *
 * @param {{ file?: string, error: Error & { code?: string } }} failure
 * @param {string} platform
 * @returns {[string, string]}
 */
const explain = ({ file, error }, platform) => {
  const { message, code } = error;
  if (code === 'ERR_DAMAGED' || code === 'ERR_VERSION') return [message, again(platform)];
  if (code === 'MODULE_NOT_FOUND') {
    return [
      `${NAME}-source is installed, but has not built its binary`,
      `run "npm rebuild ${NAME}-source", with scripts allowed (no --ignore-scripts)`,
    ];
  }
  if (code === 'ERR_DLOPEN_DISABLED') return addonsAreOff();
  if (code === 'ERR_ACCESS_DENIED') {
    return [`Node.js runs with permissions, and may not read ${file ?? 'its binary'}`, 'add --allow-fs-read for it'];
  }
  const newest = [...message.matchAll(/GLIBC_(\d+\.\d+)' not found/g)].map(([, version]) => version).pop();
  if (newest) {
    return [`it needs glibc ${GLIBC} or later, and this system has an older one (${newest} is missing)`, fromSource];
  }
  if (/libc\.musl|ld-musl/.test(message)) return [`${file} is for musl, and this system has glibc`, again(platform)];
  if (/ld-linux|Error relocating|libc\.so\.6|libgcc_s/.test(message)) {
    return [
      `${file} is for glibc, and this system has musl, or lacks a library that it needs (${message})`,
      again(platform),
    ];
  }
  if (/failed to map segment|Operation not permitted/i.test(message)) {
    return [
      `${file} lies on a file system from which nothing may be run (noexec)`,
      `mount it without noexec, or copy the file to where programs may be and name it in ${VARIABLE}`,
    ];
  }
  if (/No such file or directory/.test(message) && file && !fs.existsSync(file))
    return [`there is no such file: ${file}`, again(platform)];
  if (/Too many open files/i.test(message)) {
    return ['this process has as many files open as it may', 'raise the limit (ulimit -n)'];
  }
  if (/Permission denied|EACCES/i.test(message)) {
    return [`this user may not read ${file}`, 'give this user the right to read it'];
  }
  return [message, again(platform)];
};

/** Whether this is part of a file that a bundler made. */
const isBundled = () => !fs.existsSync(path.join(__dirname, 'load-failure.js'));

const missing = platform => {
  if (isBundled()) {
    return [
      `it is part of a bundle (${typeof __filename === 'string' ? __filename : 'unknown'}), and its binary is not beside that`,
      `leave ${NAME} out of the bundle ("external" in esbuild, rollup and ncc, "externals" in webpack) and install it ` +
        `beside that, or let ${VARIABLE} name the binary (${NAME}.${platform}.node)`,
    ];
  }
  return [
    `there is no binary for ${platform}`,
    `if npm left out optional dependencies (--omit=optional, or a lock file from another platform), run ` +
      `"npm install ${NAME}-${platform}"; where there is no such package, ${fromSource}`,
  ];
};

const isOld = () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major < NODE[0] || (major === NODE[0] && minor < NODE[1]);
};

/**
 * The error of an addon that can't be loaded: the one cause, and what to do about it.
 *
 * @param {{ file?: string, error: Error & { code?: string } }[]} failures  of the files that there are
 * @param {string} platform
 */
const loadFailure = (failures, platform) => {
  const [first] = failures;
  const [cause, remedy] = isOld()
    ? [`it needs Node.js ${NODE.join('.')} or later, and this is ${process.versions.node}`, 'use a newer Node.js']
    : ((first && explain(first, platform)) ?? missing(platform));
  const named = process.env[VARIABLE];
  const where = named ? `, which ${VARIABLE} names` : '';
  const error = new Error(`${NAME} can't load its addon${where}: ${cause}. To mend that, ${remedy}.`, {
    cause: first?.error,
  });
  return Object.assign(error, { code: 'ERR_SWING_STORE_ADDON' });
};

module.exports = { VARIABLE, loadFailure, problemWith };
