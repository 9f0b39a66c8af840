'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { NAME, platformName } = require('./platform.js');

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
