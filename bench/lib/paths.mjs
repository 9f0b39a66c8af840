import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** The store in the directory of an input. */
export const storeIn = input => path.join(input, 'store');

/** The store in the directory of an input, with compressed history. */
export const compactedIn = input => path.join(input, 'compacted');

/** The size of all files in a directory, in bytes. */
export const totalSize = dir => readdirSync(dir).reduce((sum, name) => sum + statSync(path.join(dir, name)).size, 0);
