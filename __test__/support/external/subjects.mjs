// The package that takes our place in a run, and the native library that it must load.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

export const referenceDir = join(root, 'node_modules', '@agoric', 'swing-store');

const subjects = {
  ours: { dir: root, library: /^swing-store-native.*\.node$/ },
  reference: { dir: referenceDir, library: /^better_sqlite3\.node$/ },
};

/** @param {string} which the subject's name */
export const findSubject = which => {
  if (!Object.hasOwn(subjects, which)) {
    const names = Object.keys(subjects).join(' and ');
    throw Error(`No subject is called "${which}": there are ${names}.`);
  }
  const { dir, library } = subjects[which];
  const manifest = readFileSync(join(dir, 'package.json'), 'utf8');
  const { name, version } = JSON.parse(manifest);
  return { dir, library, name, version };
};
