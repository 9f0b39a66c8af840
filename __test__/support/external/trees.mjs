// A tree is a directory in which users of a swing-store are installed, on one
// implementation of it.

import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';

import { run } from './processes.mjs';

export const SWING_STORE = '@agoric/swing-store';

export const readJSON = file => JSON.parse(readFileSync(file, 'utf8'));

/** What npm would publish of a package, packed into `dir`. */
export const pack = async (packageDir, dir, log) => {
  const temporary = join(dir, 'pack');
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const args = ['pack', packageDir, '--pack-destination', temporary];
  await run(log, 'npm', args, { cwd: temporary });
  const [tarball] = readdirSync(temporary);
  const contents = readFileSync(join(temporary, tarball));
  // npm takes a file of the same name to be the package it has installed.
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 12);
  const name = tarball.replace(/\.tgz$/, `-${hash}.tgz`);
  renameSync(join(temporary, tarball), join(dir, name));
  rmSync(temporary, { recursive: true });
  return name;
};

/** Unpack what npm would put in a package's place. */
export const unpack = async (tarball, packageDir, log) => {
  rmSync(packageDir, { recursive: true, force: true });
  mkdirSync(packageDir, { recursive: true });
  await run(log, 'tar', ['-xzf', tarball, '--strip-components=1', '-C', packageDir]);
};

/** The same files under other names: quick, and takes no room. */
const link = (from, to) => {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      link(source, target);
    } else if (entry.isSymbolicLink()) {
      symlinkSync(readlinkSync(source), target);
    } else {
      try {
        linkSync(source, target);
      } catch {
        copyFileSync(source, target);
      }
    }
  }
};

/** Every place in a tree from where somebody would get a swing-store. */
const swingStoresIn = dir => {
  const modules = join(dir, 'node_modules');
  if (!existsSync(modules)) return [];
  const found = [];
  const visit = packageDir => {
    if (packageDir.endsWith(`node_modules/${SWING_STORE}`)) {
      found.push(packageDir);
    }
    found.push(...swingStoresIn(packageDir));
  };
  for (const name of readdirSync(modules)) {
    if (name.startsWith('@')) {
      for (const scoped of readdirSync(join(modules, name))) {
        visit(join(modules, name, scoped));
      }
    } else if (!name.startsWith('.')) {
      visit(join(modules, name));
    }
  }
  return found;
};

/** The names of the packages that are installed as a tree's swing-stores. */
export const swingStoreNames = dir => swingStoresIn(dir).map(store => readJSON(join(store, 'package.json')).name);

/**
 * The same users on another swing-store: the tree again, but for the one
 * package. Its dependencies are those that the tree has anyway.
 *
 * @param {string} from an installed tree
 * @param {string} to
 * @param {string} packageDir the other swing-store
 */
export const deriveTree = (from, to, packageDir) => {
  rmSync(to, { recursive: true, force: true });
  link(join(from, 'node_modules'), join(to, 'node_modules'));
  cpSync(join(from, 'package.json'), join(to, 'package.json'));
  for (const store of swingStoresIn(to)) {
    rmSync(store, { recursive: true });
    cpSync(packageDir, store, {
      recursive: true,
      filter: source => source !== join(packageDir, 'node_modules'),
    });
  }
  const { dependencies } = readJSON(join(packageDir, 'package.json'));
  for (const name of Object.keys(dependencies)) {
    if (!existsSync(join(to, 'node_modules', name))) {
      throw Error(`${to} lacks ${name}, which ${packageDir} needs.`);
    }
  }
};
