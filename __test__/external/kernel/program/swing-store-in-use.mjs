// Finds the package that the kernel gets for `@agoric/swing-store`, and the native
// libraries of swing-stores and databases in this process.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The nearest package.json above a file that has a name in it. */
const packageOf = file => {
  for (let dir = dirname(file); dir !== dirname(dir); dir = dirname(dir)) {
    try {
      const text = readFileSync(join(dir, 'package.json'), 'utf8');
      const { name, version } = JSON.parse(text);
      if (name) return { name, version };
    } catch {
      // Continue in the parent directory.
    }
  }
  throw Error(`${file} belongs to no package`);
};

export const swingStoreInUse = () => {
  const kernel = fileURLToPath(import.meta.resolve('@agoric/swingset-vat'));
  const fromKernel = createRequire(kernel).resolve('@agoric/swing-store');
  const fromHere = fileURLToPath(import.meta.resolve('@agoric/swing-store'));
  const libraries = process.report
    .getReport()
    .sharedObjects.filter(file => file.endsWith('.node'))
    .map(file => basename(file));
  return {
    kernelUses: packageOf(fromKernel),
    hostUses: packageOf(fromHere),
    libraries,
  };
};
