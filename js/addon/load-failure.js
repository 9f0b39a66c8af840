'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { NAME, headOf } = require('./platform.js');

/** The environment variable that holds the path of the binary to load. */
const VARIABLE = 'SWING_STORE_NATIVE_PATH';

/** The oldest versions of Node.js and of glibc that the binaries support. */
const NODE = [20, 9];
const GLIBC = '2.28';

/** Node.js's names of processors, by their numbers in ELF files. */
const ELF_MACHINES = new Map([
  [3, 'ia32'],
  [40, 'arm'],
  [62, 'x64'],
  [183, 'arm64'],
  [243, 'riscv64'],
]);

/** Describes what is wrong with a Linux library, judging by its contents; `undefined` if nothing is. */
const problemWithElf = file => {
  const head = headOf(file, 64);
  const { size } = fs.statSync(file);
  if (size === 0) return 'the file is empty';
  if (head.length < 64) return 'the file is truncated';
  if (head.readUInt32BE(0) !== 0x7f454c46) return 'the file is not a Linux library';
  const machine = ELF_MACHINES.get(head.readUInt16LE(18)) ?? 'another processor';
  if (head[4] !== 2 || machine !== process.arch)
    return `the file is for ${machine}, but this Node.js is for ${process.arch}`;
  // The section table is the last part of the file.
  const end = Number(head.readBigUInt64LE(40)) + head.readUInt16LE(58) * head.readUInt16LE(60);
  return end > size ? `the file is truncated: ${size} of ${end} bytes` : undefined;
};

/**
 * Describes what is wrong with a binary before it is loaded: loading a truncated binary would crash the process.
 *
 * @param {string} file
 * @returns {string | undefined} `undefined` if no problem is found
 */
const problemWith = file => {
  try {
    return process.platform === 'linux' ? problemWithElf(file) : undefined;
  } catch {
    return undefined;
  }
};

/** The remedy for an unusable binary. */
const reinstall = platform =>
  process.env[VARIABLE]
    ? `set ${VARIABLE} to an intact binary for ${platform}, or unset it`
    : `remove node_modules/${NAME}* and reinstall ("npm install", or "npm install ${NAME}-${platform}")`;

const fromSource =
  `install Rust (https://rustup.rs) and run "npm install ${NAME}-source", which builds a binary; ` +
  `in a clone of the project, run "npm run build"`;

/** The cause and remedy when Node.js loads no addons at all. */
const addonsAreOff = () => {
  if (process.permission) {
    return [
      'Node.js runs with the permission model, which forbids addons here',
      'add --allow-addons, and add --allow-fs-read and --allow-fs-write for the directories of the stores',
    ];
  }
  const [, where] =
    [
      [process.execArgv.includes('--no-addons'), 'its command line'],
      [/--no-addons/.test(process.env.NODE_OPTIONS ?? ''), 'NODE_OPTIONS'],
    ].find(([is]) => is) ?? [];
  return ['Node.js runs with --no-addons', `remove this option from ${where ?? 'its options'}`];
};

/**
 * Explains why a file could not be loaded: the cause and the remedy.
 *
 * @param {{ file?: string, error: Error & { code?: string } }} failure
 * @param {string} platform
 * @returns {[string, string]}
 */
const explain = ({ file, error }, platform) => {
  const { message, code } = error;
  if (code === 'ERR_DAMAGED' || code === 'ERR_VERSION') return [message, reinstall(platform)];
  if (code === 'MODULE_NOT_FOUND') {
    return [
      `${NAME}-source is installed but has not built its binary`,
      `run "npm rebuild ${NAME}-source" without --ignore-scripts`,
    ];
  }
  if (code === 'ERR_DLOPEN_DISABLED') return addonsAreOff();
  if (code === 'ERR_ACCESS_DENIED') {
    return [
      `Node.js runs with the permission model, which forbids reading ${file ?? 'its binary'}`,
      'add --allow-fs-read for it',
    ];
  }
  const newest = [...message.matchAll(/GLIBC_([\d.]+)' not found/g)].map(([, version]) => version).pop();
  if (newest) {
    return [
      `it needs glibc ${GLIBC} or later, but this system has an older version (${newest} is missing)`,
      fromSource,
    ];
  }
  if (/libc\.musl|ld-musl/.test(message))
    return [`${file} is for musl, but this system uses glibc`, reinstall(platform)];
  if (/ld-linux|Error relocating|libc\.so\.6|libgcc_s/.test(message)) {
    return [
      `${file} is for glibc, but this system uses musl or lacks a required library (${message})`,
      reinstall(platform),
    ];
  }
  if (/failed to map segment|Operation not permitted/i.test(message)) {
    return [
      `${file} is on a file system that is mounted noexec`,
      `mount it without noexec, or copy the file to another file system and set ${VARIABLE} to its path`,
    ];
  }
  if (/No such file or directory/.test(message) && file && !fs.existsSync(file))
    return [`${file} does not exist`, reinstall(platform)];
  if (/Too many open files/i.test(message)) {
    return ['this process has reached its limit of open files', 'raise the limit (ulimit -n)'];
  }
  if (/Permission denied|EACCES/i.test(message)) {
    return [`this user has no permission to read ${file}`, 'grant this user read permission'];
  }
  return [message, reinstall(platform)];
};

/** Whether a bundler has made this module part of another file. */
const isBundled = () => !fs.existsSync(path.join(__dirname, 'load-failure.js'));

/** The cause and remedy when there is no file to load. */
const missing = platform => {
  if (isBundled()) {
    return [
      `it is part of a bundle (${typeof __filename === 'string' ? __filename : 'unknown'}) that has no binary next to it`,
      `leave ${NAME} out of the bundle ("external" in esbuild, rollup and ncc, "externals" in webpack) and install it ` +
        `next to the bundle, or set ${VARIABLE} to the path of the binary (${NAME}.${platform}.node)`,
    ];
  }
  return [
    `there is no binary for ${platform}`,
    `if npm omitted optional dependencies (--omit=optional, or a lock file from another platform), run ` +
      `"npm install ${NAME}-${platform}"; if there is no such package, ${fromSource}`,
  ];
};

const isOld = () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major < NODE[0] || (major === NODE[0] && minor < NODE[1]);
};

/**
 * Makes the error for an addon that can't be loaded. Its message names one cause and its remedy.
 *
 * @param {{ file?: string, error: Error & { code?: string } }[]} failures of the files that were found, in the order of
 *   the attempts
 * @param {string} platform
 * @returns {Error} with the code `ERR_SWING_STORE_ADDON`
 */
const loadFailure = (failures, platform) => {
  const [first] = failures;
  const [cause, remedy] = isOld()
    ? [`it needs Node.js ${NODE.join('.')} or later, but this is ${process.versions.node}`, 'use a newer Node.js']
    : ((first && explain(first, platform)) ?? missing(platform));
  const named = process.env[VARIABLE];
  const where = named ? ` from ${VARIABLE}` : '';
  const error = new Error(`${NAME} can't load its addon${where}: ${cause}. To fix this, ${remedy}.`, {
    cause: first?.error,
  });
  return Object.assign(error, { code: 'ERR_SWING_STORE_ADDON' });
};

module.exports = { VARIABLE, loadFailure, problemWith };
