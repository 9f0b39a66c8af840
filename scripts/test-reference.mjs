// Runs the tests that the reference, `@agoric/swing-store`, publishes inside
// its npm package, against this project's implementation.
//
//   node scripts/test-reference.mjs [--subject ours|reference] [--keep]
//
// `--subject reference` (or SWING_STORE_SUBJECT=reference) runs them against
// the reference itself, which shows faults of this runner. `--keep` keeps the
// directory in which they ran. The last line is the result; the exit code is 0
// only if every test file ran and no test failed or was skipped.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { makeSubject, subjectNames } from '../__test__/external/reference/subjects.mjs';
import { readResults } from '../__test__/external/reference/tap.mjs';
import { layOut } from '../__test__/external/reference/workspace.mjs';

/** The number of tests of the pinned version of the reference. */
const LEAST_TESTS = 85;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/** The directory of an installed package, independent of its `exports`. */
const packageDir = name => {
  for (const modules of require.resolve.paths(name)) {
    const dir = join(modules, name);
    try {
      readFileSync(join(dir, 'package.json'));
      return dir;
    } catch {
      // not in this one
    }
  }
  throw Error(`Can't find ${name} from ${root}: run "npm ci" first.`);
};

const { values: options } = parseArgs({
  options: {
    subject: {
      type: 'string',
      default: process.env.SWING_STORE_SUBJECT || 'ours',
    },
    keep: { type: 'boolean', default: false },
  },
});
if (!subjectNames.includes(options.subject)) {
  throw Error(`There is no subject "${options.subject}". The subjects are ${subjectNames.join(' and ')}.`);
}

/** Runs ava in `dir` and passes its output through. */
const runAva = async dir => {
  const avaDir = packageDir('ava');
  const { bin } = JSON.parse(readFileSync(join(avaDir, 'package.json'), 'utf8'));
  const cli = join(avaDir, typeof bin === 'string' ? bin : bin.ava);
  const child = spawn(process.execPath, [cli, '--tap'], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let tap = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', text => {
    tap += text;
    process.stdout.write(text);
  });
  const exitCode = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve(code ?? 1));
  });
  return { tap, exitCode };
};

/** The reasons why a run counts as failed. */
const findFaults = ({ failed, notRun, perFile }, exitCode) => {
  const ran = [...perFile.values()].reduce((sum, count) => sum + count, 0);
  const faults = failed.map(title => `failed: ${title}`);
  faults.push(...notRun.map(title => `did not run: ${title}`));
  for (const [file, count] of perFile) {
    if (count === 0) faults.push(`no test of ${file} ran`);
  }
  if (ran < LEAST_TESTS) {
    faults.push(`only ${ran} of at least ${LEAST_TESTS} tests ran`);
  }
  if (exitCode !== 0 && faults.length === 0) {
    faults.push(`ava ended with exit code ${exitCode}`);
  }
  return faults;
};

const referenceDir = packageDir('@agoric/swing-store');
const subject = makeSubject(options.subject, { root, referenceDir });

// Inside `node_modules`, so that Node.js finds the project's packages from
// there and other tools ignore it.
const dir = join(root, 'node_modules', '.cache', 'reference-tests', options.subject);
rmSync(dir, { recursive: true, force: true });
mkdirSync(dir, { recursive: true });
const files = layOut(dir, {
  referenceDir,
  internalDir: packageDir('@agoric/internal'),
  sources: subject.sources,
  driver: subject.driver,
});
console.log(`# subject: ${subject.title}; ${files.length} test files`);

const { tap, exitCode } = await runAva(dir);
const results = readResults(tap, files);
const faults = findFaults(results, exitCode);

console.log();
for (const [file, count] of results.perFile) {
  console.log(`${String(count).padStart(4)}  ${file}`);
}
for (const fault of faults) {
  console.log(`  !!  ${fault}`);
}
if (faults.length > 0 || options.keep) {
  console.log(`The tests ran in ${relative(process.cwd(), dir)}`);
} else {
  rmSync(dir, { recursive: true, force: true });
}
// The result shows every fault, including skipped tests.
console.log(`${results.passed} passed, ${faults.length} failed`);
process.exitCode = faults.length > 0 ? 1 : 0;
