'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { NAME, platformName } = require('./platform.js');

/** A package's exports; `undefined` if it is not installed. */
const installed = name => {
  try {
    require.resolve(name);
  } catch {
    return undefined;
  }
  return require(name);
};

/**
 * Loads the addon: the one that was built in this package, or else the one of the package for this platform, or else
 * the one that the package with the source has built.
 */
const load = () => {
  const platform = platformName();
  const built = path.join(__dirname, '..', `${NAME}.${platform}.node`);
  const failures = [];
  const places = [
    () => (fs.existsSync(built) ? require(built) : undefined),
    () => installed(`${NAME}-${platform}`),
    () => installed(`${NAME}-source`),
  ];
  for (const place of places) {
    try {
      const native = place();
      if (native) return native;
    } catch (error) {
      failures.push(error);
    }
  }
  const found =
    failures.length > 0
      ? `There is one, but it can't be loaded: ${failures.map(error => error.message).join('; ')}`
      : `Neither ${built} nor the package ${NAME}-${platform} is there.`;
  const advice =
    `If npm left out optional dependencies (--omit=optional, or a lock file from another platform), ` +
    `run "npm install ${NAME}-${platform}". Where there is no such package, install Rust (https://rustup.rs) and ` +
    `run "npm install ${NAME}-source", which builds it; in a clone of the project, "npm run build" does.`;
  throw new Error(`${NAME} has no binary for ${platform}. ${found} ${advice}`, { cause: failures[0] });
};

module.exports = load();
