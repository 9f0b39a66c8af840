// Lets the disk fail below SQLite, at each call of all jobs in turn, and runs jobs on small disks with little free space.
//
//   npm run torture:disk -- [--places N|all] [--seed N] [--work NAME]... [--steps N]
//
// `--places` is the number of calls of each job at which each kind of fault happens; the default is every call, which takes
// about half an hour. `--seed` shifts these calls. `--work` selects tests of `tests/disk_faults` by their names or a part
// of them. `--steps` is the number of steps up to 4 MB of free space on the small disk; 0 skips that part.
import { spawn } from 'node:child_process';
import process, { env } from 'node:process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    places: { type: 'string', default: 'all' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    work: { type: 'string', multiple: true, default: [] },
    steps: { type: 'string', default: '400' },
  },
});
const { places, seed, work, steps } = values;

const run = (command, args, settings) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...env, ...settings } });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code === 0 ? 0 : (signal ?? code)));
  });

console.log(`seed ${seed}`);
const cargo = ['test', '--locked', '--profile', 'quick', '--test', 'disk_faults', '--', '--nocapture', ...work];
const failures = [
  await run('cargo', cargo, { SWING_STORE_FAULTS: places, SWING_STORE_FAULTS_SEED: seed }),
  Number(steps) > 0 &&
    (await run('npx', ['ava', '__test__/robustness/full-disk.test.mjs'], { SWING_STORE_DISK_STEPS: steps })),
].filter(Boolean);
if (failures.length > 0) {
  console.error(
    `What a failing disk led to is not what it should be: see above (${failures.join(', ')}; seed ${seed})`,
  );
  process.exitCode = 1;
}
