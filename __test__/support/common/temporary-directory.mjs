import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * Makes a directory that is removed after the test.
 *
 * @param {import('ava').ExecutionContext} t
 * @param {string} name  a part of its name
 */
export const temporaryDirectory = (t, name) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), `swing-store-${name}-`));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
};

/**
 * Makes such a directory, and returns a function that joins paths in it.
 *
 * @param {import('ava').ExecutionContext} t
 * @param {string} name  a part of its name
 */
export const temporaryPaths = (t, name) => {
  const dir = temporaryDirectory(t, name);
  return (...parts) => path.join(dir, ...parts);
};
