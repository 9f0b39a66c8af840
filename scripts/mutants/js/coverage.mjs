/** Measures which test files reach which mutants and how long each file takes, once, and keeps the results. */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A test file that takes longer does not run with mutants. */
const LONGEST_MS = 5 * 60_000;

/**
 * Test files that do not test `js/`, or whose outcome depends on the machine: torture, documentation, packages,
 * measurements.
 */
const LEFT_OUT = [
  /^cli\/html-report\./,
  /^docs\//,
  /^external\//,
  /^packaging\/(?!addon-loading\.|load-failure\.)/,
  /^torture\//,
  /^api\/types\./,
  /^parity\/comparison-finds-faults\./,
  /^robustness\/(decompression-bombs|full-disk|hostile-|hot-journals|killed-|limited-systems|sync-order)/,
];

/** All test files, as paths below `__test__`. */
export const testFiles = tree =>
  readdirSync(path.join(tree, '__test__'), { recursive: true })
    .map(name => name.split(path.sep).join('/'))
    .filter(name => name.endsWith('.test.mjs') && !LEFT_OUT.some(pattern => pattern.test(name)))
    .sort();

/** A hash of a test file that does not depend on the paths of its imports. */
export const versionOf = text =>
  createHash('sha256')
    .update(text.replace(/(from|import|import\() *'[^']*'/g, '').replace(/new URL\('[^']*'/g, ''))
    .digest('hex')
    .slice(0, 12);

const readCoverage = (directory, mutants) => {
  const processes = readdirSync(directory).map(file => JSON.parse(readFileSync(path.join(directory, file), 'utf8')));
  const ids = new Set(processes.flatMap(({ reached }) => reached));
  return {
    reached: mutants.filter(({ id }) => ids.has(id)).map(({ name }) => name),
    cpu: Math.round(processes.reduce((sum, { cpu }) => sum + cpu, 0)),
  };
};

/**
 * @typedef {object} TestFile
 * @property {string} file
 * @property {string} version  a hash of its contents
 * @property {number} ms  its duration
 * @property {number} cpu  its computing time in milliseconds, which depends less on the machine's load
 * @property {(source: string) => number} shareOf  the part of a source file's mutants that it reaches
 * @property {(mutant: import('./mutants.mjs').Mutant) => boolean} reaches
 */

/**
 * @param {ReturnType<typeof import('./copy.mjs').makeCopy>} copy
 * @param {import('./mutants.mjs').Mutant[]} mutants
 * @param {{ store: string, workers: number, again: boolean }} options  `store`: the file with the
 *   measurements; `again`: whether to measure changed test files again
 * @returns {Promise<TestFile[]>}
 */
export const measureCoverage = async (copy, mutants, { store, workers, again }) => {
  const kept = existsSync(store) ? JSON.parse(readFileSync(store, 'utf8')) : {};
  const files = testFiles(copy.tree).map(name => {
    const file = path.posix.join('__test__', name);
    return { file, name, version: versionOf(readFileSync(path.join(copy.tree, file), 'utf8')) };
  });
  const todo = files.filter(({ name, version }) => !kept[name] || (again && kept[name].version !== version));
  const measure = async () => {
    for (let next = todo.shift(); next; next = todo.shift()) {
      const directory = mkdtempSync(path.join(os.tmpdir(), 'swing-store-coverage-'));
      chmodSync(directory, 0o777);
      const { outcome, ms, why } = await copy.run(next.file, { coverage: directory, limit: LONGEST_MS });
      const { reached, cpu } = readCoverage(directory, mutants);
      rmSync(directory, { recursive: true, force: true });
      kept[next.name] = { version: next.version, outcome, ms, cpu, reached };
      writeFileSync(store, `${JSON.stringify(kept)}\n`);
      console.log(`${next.name}: ${outcome}, reaches ${reached.length} mutants in ${(ms / 1000).toFixed(1)} s`, why);
    }
  };
  await Promise.all(Array.from({ length: workers }, measure));

  // A mutant that is newer than the measurement counts as reached like its function or, if that is newer, like its file.
  const countByFile = names => {
    const counts = new Map();
    for (const name of names) {
      const source = name.slice(0, name.indexOf(' '));
      counts.set(source, (counts.get(source) ?? 0) + 1);
    }
    return counts;
  };
  const totals = countByFile(mutants.map(({ name }) => name));
  const known = new Set(files.flatMap(({ name }) => kept[name].reached));
  const withins = new Set([...known].map(name => name.slice(0, name.indexOf(': '))));
  return files
    .filter(({ name }) => kept[name].outcome === 'passed')
    .map(({ file, name, version }) => {
      const reached = new Set(kept[name].reached);
      const reachedWithin = new Set(kept[name].reached.map(mutant => mutant.slice(0, mutant.indexOf(': '))));
      const reachedFiles = countByFile(kept[name].reached);
      return {
        file,
        name,
        version,
        ms: kept[name].ms,
        cpu: kept[name].cpu,
        shareOf: source => Math.min(1, (reachedFiles.get(source) ?? 0) / (totals.get(source) ?? 1)),
        reaches(mutant) {
          if (known.has(mutant.name)) return reached.has(mutant.name);
          if (withins.has(mutant.within)) return reachedWithin.has(mutant.within);
          return reachedFiles.has(mutant.file);
        },
      };
    });
};
