// Files of js/ that a test needs by themselves, since what they do can't be seen from outside. Wherever in js/ they are.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const directory = fileURLToPath(new URL('../../../js', import.meta.url));

/** The path of the file of this name. */
export const internalFile = name => {
  const found = fs.readdirSync(directory, { recursive: true }).find(file => path.basename(file) === name);
  if (!found) throw Error(`there is no ${name} in js/`);
  return path.join(directory, found);
};

/** What the file of this name exports. */
export const internal = name => require(internalFile(name));
