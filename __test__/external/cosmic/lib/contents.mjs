// Describes the files of a directory by length and hash, and small text files by their contents, which shows differences.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} dir
 * @returns {Record<string, string>}
 */
export const contentsOf = dir =>
  Object.fromEntries(
    readdirSync(dir)
      .sort()
      .map(name => {
        const bytes = readFileSync(join(dir, name));
        const hash = createHash('sha256').update(bytes).digest('hex');
        const text = name.endsWith('.json') ? `: ${bytes}` : '';
        return [name, `${bytes.length} bytes, ${hash}${text}`];
      }),
  );
