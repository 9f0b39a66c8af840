'use strict';

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

const { VARIABLE, loadFailure, problemWith } = require('./load-failure.js');
const { NAME, platformName } = require('./platform.js');

// The names are computed, so that bundlers leave these calls alone.
const requireHere = createRequire(path.join(__dirname, 'native.js'));

/** The directory of this package. In a bundle it is some directory above the bundle. */
const PACKAGE = path.join(__dirname, '..', '..');

/** Loads a file of any name as an addon. */
const open = file => {
  const made = { exports: {} };
  process.dlopen(made, path.toNamespacedPath(file));
  return made.exports;
};

/** The name and version of the package in a directory; neither if the directory has no readable `package.json`. */
const manifestOf = directory => {
  try {
    const { name, version } = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8'));
    return { name, version };
  } catch {
    return {};
  }
};

/** Loads the addon from another package of this project, which must have the same version. */
const openPackage = file => {
  const { version: found } = manifestOf(path.dirname(file));
  const own = manifestOf(PACKAGE);
  // In a bundle, the manifest is missing or that of an application: its version says nothing about the addon.
  if (own.name === NAME && found !== own.version) {
    throw Object.assign(new Error(`${file} has version ${found}, but ${NAME} has version ${own.version}`), {
      code: 'ERR_VERSION',
    });
  }
  return requireHere(file);
};

const fileOf = name => {
  try {
    return requireHere.resolve(name);
  } catch {
    return undefined;
  }
};

/** The binary that the source package has built, or else the package's `index.js`, which says why there is none. */
const sourceFile = () => {
  const index = fileOf(`${NAME}-source`);
  if (!index) return undefined;
  const built = path.join(path.dirname(index), `${NAME}.node`);
  return fs.existsSync(built) ? built : index;
};

/**
 * Loads the addon. If `SWING_STORE_NATIVE_PATH` is set, only that file is tried. Otherwise the order is: the binary built
 * in this package, the package for this platform, the binary built by the source package.
 *
 * @throws `ERR_SWING_STORE_ADDON` if none can be loaded
 */
const load = () => {
  const named = process.env[VARIABLE];
  const failures = [];
  const attempt = (file, loadIt) => {
    try {
      const problem = file.endsWith('.js') ? undefined : problemWith(file);
      if (problem) throw Object.assign(new Error(`${problem}: ${file}`), { code: 'ERR_DAMAGED' });
      return loadIt(file);
    } catch (error) {
      failures.push({ file, error });
      return undefined;
    }
  };
  if (named) {
    const native = attempt(path.resolve(named), open);
    if (native) return native;
    throw loadFailure(failures, platformName());
  }
  const platform = platformName();
  const built = path.join(PACKAGE, `${NAME}.${platform}.node`);
  const places = [
    () => fs.existsSync(built) && attempt(built, requireHere),
    ...[() => fileOf(`${NAME}-${platform}`), sourceFile].map(find => () => {
      const file = find();
      return file && attempt(file, openPackage);
    }),
  ];
  for (const place of places) {
    const native = place();
    if (native) return native;
  }
  throw loadFailure(failures, platform);
};

module.exports = load();
