/** Drops files from the system's page cache, so that they are read from the disk again. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** Writes a file back to the disk: the system cannot drop what it has not written. */
const sync = async file => {
  const handle = await open(file);
  await handle.sync();
  await handle.close();
};

/** Drops all files in directories that exist. Uses GNU dd. */
export const dropCache = async directories => {
  for (const dir of directories.filter(it => it !== undefined && existsSync(it))) {
    for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath ?? entry.path, entry.name);
      await sync(file);
      await promisify(execFile)('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
    }
  }
};
