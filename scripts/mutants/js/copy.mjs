/** A copy of the tree with instrumented sources, in which the tests run. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { makePool } from './hot/pool.mjs';
import { endTests, runTest } from './run-test.mjs';

/** All files that git tracks or would add, and the built addon. */
const filesOf = root => {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const addons = readdirSync(root).filter(name => name.endsWith('.node'));
  return [...listed.split('\0').filter(name => name && existsSync(path.join(root, name))), ...addons];
};

/**
 * @param {string} root
 * @param {{ name: string, content: string }[]} instrumented
 */
export const makeCopy = (root, instrumented) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'swing-store-mutants-'));
  const scratch = path.join(dir, 'tmp');
  const tree = path.join(dir, 'tree');
  // Some tests run programs as another user.
  chmodSync(dir, 0o755);
  mkdirSync(scratch);
  mkdirSync(tree);
  for (const name of filesOf(root)) {
    mkdirSync(path.dirname(path.join(tree, name)), { recursive: true });
    cpSync(path.join(root, name), path.join(tree, name), { verbatimSymlinks: true });
  }
  for (const name of ['node_modules', 'target']) {
    if (existsSync(path.join(root, name))) symlinkSync(path.join(root, name), path.join(tree, name), 'junction');
  }
  for (const { name, content } of instrumented) writeFileSync(path.join(tree, name), content);

  const preload = path.join(tree, path.relative(root, path.join(import.meta.dirname, 'report-coverage.cjs')));

  /**
   * Runs one test file in the copy.
   *
   * @param {string} file
   * @param {{ mutant?: string, coverage?: string, limit: number }} options  `mutant`: the number of the active one;
   *   `coverage`: a directory for the files of `report-coverage.cjs`
   */
  const run = async (file, { mutant, coverage, limit }) => {
    const own = mkdtempSync(path.join(scratch, 'run-'));
    chmodSync(own, 0o755);
    const env = { ...process.env, TMPDIR: own };
    if (mutant !== undefined) env.__STRYKER_ACTIVE_MUTANT__ = mutant;
    if (coverage !== undefined) {
      env.SWING_STORE_MUTANT_COVERAGE = coverage;
      env.NODE_OPTIONS = `--require ${preload}`;
    }
    try {
      return await runTest(tree, file, { env, limit });
    } finally {
      rmSync(own, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  };

  const pool = makePool(tree, scratch);
  const remove = () => {
    endTests();
    pool.end();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  return { tree, run, runHot: pool.run, remove };
};
