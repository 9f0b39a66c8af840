'use strict';

/** What the addon's file and the packages with prebuilt ones are called by. */
const NAME = 'swing-store-native';

/** Whether this process runs on musl instead of glibc, as on Alpine Linux. */
const isMusl = () => {
  const { report } = process;
  // Looking up the names of open connections can take seconds.
  const { excludeNetwork } = report;
  report.excludeNetwork = true;
  const { header } = report.getReport();
  report.excludeNetwork = excludeNetwork;
  return !header.glibcVersionRuntime;
};

/** This platform as napi-rs names it, such as `linux-x64-gnu`. */
const platformName = () => {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  if (platform === 'win32') return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
};

module.exports = { NAME, platformName };
