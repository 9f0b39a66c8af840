'use strict';

const fs = require('node:fs');
const path = require('node:path');

const NAME = 'swing-store-native';

/** Whether this process runs on musl instead of glibc, as on Alpine Linux. */
const isMusl = () => {
  const { header } = process.report.getReport();
  return !header.glibcVersionRuntime;
};

/** This platform as napi-rs names it, such as `linux-x64-gnu`. */
const platformName = () => {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  if (platform === 'win32') return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
};

/**
 * Loads the addon: the one that was built in this package, or else the one in the package for
 * this platform.
 */
const load = () => {
  const platform = platformName();
  const built = path.join(__dirname, '..', `${NAME}.${platform}.node`);
  if (fs.existsSync(built)) return require(built);
  try {
    return require(`${NAME}-${platform}`);
  } catch (cause) {
    const message =
      `${NAME} has no binary for ${platform}: neither ${built} nor the package ` +
      `${NAME}-${platform} is there. Build it with "npm run build", which takes Rust.`;
    throw new Error(message, { cause });
  }
};

module.exports = load();
