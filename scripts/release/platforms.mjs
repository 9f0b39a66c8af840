/**
 * The platforms with prebuilt binaries: one table for the packages in `npm/`, the loader's test and the release workflow.
 */

/**
 * @typedef {object} Platform
 * @property {string} name the name that the loader and napi-rs use
 * @property {string} target Rust's target triple
 * @property {string} os npm's name of the operating system
 * @property {string} cpu npm's name of the processor
 * @property {'glibc' | 'musl'} [libc] the C library, on Linux
 * @property {string} [zigTarget] cargo-zigbuild's target, with the oldest C library that Node.js 20 supports
 * @property {string} runner the machine of the release workflow
 */

/** @type {Platform[]} */
export const platforms = [
  {
    name: 'linux-x64-gnu',
    target: 'x86_64-unknown-linux-gnu',
    os: 'linux',
    cpu: 'x64',
    libc: 'glibc',
    zigTarget: 'x86_64-unknown-linux-gnu.2.28',
    runner: 'ubuntu-24.04',
  },
  {
    name: 'linux-arm64-gnu',
    target: 'aarch64-unknown-linux-gnu',
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc',
    zigTarget: 'aarch64-unknown-linux-gnu.2.28',
    runner: 'ubuntu-24.04-arm',
  },
  {
    name: 'linux-x64-musl',
    target: 'x86_64-unknown-linux-musl',
    os: 'linux',
    cpu: 'x64',
    libc: 'musl',
    zigTarget: 'x86_64-unknown-linux-musl',
    runner: 'ubuntu-24.04',
  },
  {
    name: 'linux-arm64-musl',
    target: 'aarch64-unknown-linux-musl',
    os: 'linux',
    cpu: 'arm64',
    libc: 'musl',
    zigTarget: 'aarch64-unknown-linux-musl',
    runner: 'ubuntu-24.04-arm',
  },
  { name: 'darwin-x64', target: 'x86_64-apple-darwin', os: 'darwin', cpu: 'x64', runner: 'macos-15-intel' },
  { name: 'darwin-arm64', target: 'aarch64-apple-darwin', os: 'darwin', cpu: 'arm64', runner: 'macos-15' },
  { name: 'win32-x64-msvc', target: 'x86_64-pc-windows-msvc', os: 'win32', cpu: 'x64', runner: 'windows-2025' },
];

/** The file name that cargo gives the library on a platform. */
export const libraryName = ({ os }) =>
  ({ win32: 'swing_store.dll', darwin: 'libswing_store.dylib' })[os] ?? 'libswing_store.so';

/** The platform of this name. Throws an error that lists all names if there is none. */
export const platformNamed = name => {
  const platform = platforms.find(each => each.name === name);
  if (platform) return platform;
  const names = platforms.map(each => each.name).join(', ');
  throw new Error(`There is no platform "${name}". The platforms are ${names}.`);
};
