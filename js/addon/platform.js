'use strict';

const fs = require('node:fs');

/** The name of this package, with which the names of the addon's file and of the packages with binaries begin. */
const NAME = 'swing-store-native';

/** How many bytes of a program to search for the name of its dynamic linker. */
const HEAD_BYTES = 64 * 1024;

const tryTo = read => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

/** Reads the first bytes of a file, or all of it if it is shorter. */
const headOf = (file, bytes) => {
  const fd = fs.openSync(file, 'r');
  try {
    const head = Buffer.alloc(bytes);
    return head.subarray(0, fs.readSync(fd, head, 0, bytes, 0));
  } finally {
    fs.closeSync(fd);
  }
};

/**
 * Whether this process runs on musl instead of glibc, as on Alpine Linux. `process.report` would tell, but it waits for
 * every worker that runs native code, and some runtimes lack it.
 */
const isMusl = () => {
  // The program contains the path of its dynamic linker, which belongs to the C library.
  const program = tryTo(() => headOf(process.execPath, HEAD_BYTES).toString('latin1')) ?? '';
  if (program.includes('/ld-musl-')) return true;
  if (/\/ld-linux|\/ld64\.so/.test(program)) return false;
  const linkers = tryTo(() => fs.readdirSync('/lib')) ?? [];
  const others = [...linkers, ...(tryTo(() => fs.readdirSync('/lib64')) ?? [])];
  return linkers.some(name => name.startsWith('ld-musl-')) && !others.some(name => name.startsWith('ld-linux'));
};

/** This platform as napi-rs names it, such as `linux-x64-gnu`. */
const platformName = () => {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  if (platform === 'win32') return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
};

module.exports = { NAME, headOf, platformName };
