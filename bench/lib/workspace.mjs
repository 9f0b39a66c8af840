/** Makes working directories that are removed when the process ends, in whatever way it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

/** Copies a store and waits until the copy is on the disk, so that no measurement includes its writing. */
const copyStore = async (from, to) => {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    await copyFile(path.join(from, name), path.join(to, name));
    const file = await open(path.join(to, name), 'r+');
    await file.sync();
    await file.close();
  }
};

/** @param {string} base the parent of the directory */
export const makeWorkspace = base => {
  const root = mkdtempSync(path.join(base, 'swing-store-bench-'));
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
  for (const [signal, code] of Object.entries(signals)) process.once(signal, () => process.exit(code));
  // Retries, since a killed child may write a last file meanwhile.
  process.once('exit', () => rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));

  let count = 0;
  /** Makes an empty directory. */
  const makeDirectory = async () => {
    count += 1;
    const dir = path.join(root, String(count));
    await mkdir(dir);
    return dir;
  };

  /** Makes the directories of one run: `store`, a copy of the input's store if it has one, and `scratch`. */
  const makeRunDirectories = async input => {
    const dir = await makeDirectory();
    const [store, scratch] = [path.join(dir, 'store'), path.join(dir, 'scratch')];
    await mkdir(scratch);
    const made = input === undefined ? [] : await readdir(input);
    if (made.includes('store')) await copyStore(path.join(input, 'store'), store);
    return { store, scratch, remove: () => rm(dir, { recursive: true, force: true }) };
  };

  return { makeDirectory, makeRunDirectories };
};
