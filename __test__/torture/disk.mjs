// Lets the disk fail below SQLite, at one call after another of all work, and fills small disks in smaller and smaller steps.
//
//   npm run torture:disk -- [--places N|all] [--seed N] [--work NAME]... [--steps N]
//
// `--places` says at how many places of each piece of work each kind of fault happens: by default at every call, which takes
// half an hour or so. `--seed` shifts the places, if it is not all of them. `--work` names tests of `tests/disk_faults`, or a part of their
// names; without it, it is all of them. `--steps` is into how many steps 4 MB of room on the small disk are cut; 0 leaves it out.
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
