// A tree is a directory in which users of a swing-store are installed, with one implementation of it.

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

/** Packs what npm would publish of a package into `dir`. */
export const pack = async (packageDir, dir, log) => {
  const temporary = join(dir, 'pack');
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const args = ['pack', packageDir, '--pack-destination', temporary];
  await run(log, 'npm', args, { cwd: temporary });
  const [tarball] = readdirSync(temporary);
  const contents = readFileSync(join(temporary, tarball));
  // npm treats a file of the same name as the installed package.
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 12);
  const name = tarball.replace(/\.tgz$/, `-${hash}.tgz`);
  renameSync(join(temporary, tarball), join(dir, name));
  rmSync(temporary, { recursive: true });
  return name;
};

/** Unpacks a package as npm would install it. */
export const unpack = async (tarball, packageDir, log) => {
  rmSync(packageDir, { recursive: true, force: true });
  mkdirSync(packageDir, { recursive: true });
  await run(log, 'tar', ['-xzf', tarball, '--strip-components=1', '-C', packageDir]);
};

/** Hard-links the files of a tree, which is fast and uses no space. */
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

/** All directories in a tree from which Node.js would resolve a swing-store. */
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

/** The names of the packages that a tree uses as swing-stores. */
export const swingStoreNames = dir => swingStoresIn(dir).map(store => readJSON(join(store, 'package.json')).name);

/**
 * Copies a tree with another swing-store, whose dependencies the tree already has.
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
