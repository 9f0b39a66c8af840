/** Lays packages out as npm would install them, without a registry. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

/** Unpacks tarballs into a directory's `node_modules`. */
export const layOut = (packed, directory) => {
  for (const { name, file } of packed) {
    const where = path.join(directory, 'node_modules', name);
    mkdirSync(where, { recursive: true });
    // A relative path has no drive letter, whose colon some versions of tar take for the end of a host name.
    const { status, stderr, error } = spawnSync(
      'tar',
      ['xzf', path.basename(file), '-C', where, '--strip-components=1'],
      {
        cwd: path.dirname(file),
        encoding: 'utf8',
      },
    );
    if (error || status !== 0) throw new Error(`tar failed: ${error?.message ?? stderr}`);
  }
};
