'use strict';

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

const { VARIABLE, loadFailure, problemWith } = require('./load-failure.js');
const { NAME, platformName } = require('./platform.js');

// What is required here is known only when it is looked for, which bundlers can't do with a plain `require`.
const requireHere = createRequire(path.join(__dirname, 'native.js'));

/** Loads a file as an addon, whatever its name. */
const open = file => {
  const made = { exports: {} };
  process.dlopen(made, path.toNamespacedPath(file));
  return made.exports;
};

/** The version of the package in a directory; `undefined` where there is none, as beside a bundle. */
const versionOf = directory => {
  try {
    return JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
};

/** Loads what another package of this project has. */
const openPackage = file => {
  if (file.endsWith('index.js')) return requireHere(file);
  // Of another version it might lack functions, or have others under their names.
  const [found, own] = [path.dirname(file), path.join(__dirname, '..')].map(versionOf);
  if (own && found !== own) {
    throw Object.assign(new Error(`${file} is of version ${found}, and ${NAME} of ${own}`), { code: 'ERR_VERSION' });
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

/** The binary that the package with the source has built. */
const sourceFile = () => {
  const index = fileOf(`${NAME}-source`);
  if (!index) return undefined;
  const built = path.join(path.dirname(index), `${NAME}.node`);
  return fs.existsSync(built) ? built : index;
};

/**
 * Loads the addon: the file that the environment names; otherwise the one that was built in this package, or else the
 * one of the package for this platform, or else the one that the package with the source has built.
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
  const built = path.join(__dirname, '..', `${NAME}.${platform}.node`);
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
