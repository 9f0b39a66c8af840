// Short runs of `npm run torture:leaks` and `npm run soak` in separate processes, and a test of their judgement.
import test from 'ava';

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { judge } from '../support/torture/process-figures.mjs';
import { inTempDir } from '../support/common/world.mjs';

const run = (t, script, args) =>
  inTempDir(async dir => {
    if (process.platform !== 'linux') {
      t.log('only Linux tells what a process holds');
      return t.pass();
    }
    const program = fileURLToPath(new URL(`../torture/${script}`, import.meta.url));
    // A leak is reported on stderr, with an exit code.
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, ...args, '--dir', dir], {
      timeout: 120_000,
    });
    t.is(stderr, '');
    t.log(stdout.trim().split('\n').at(-1) === '}' ? stdout.slice(stdout.lastIndexOf('\n{')) : stdout);
  });

test.serial('impatient callers leave nothing in use', run, 'leaks.mjs', ['--rounds', '60']);
test.serial('a kernel with readers, for a few seconds', run, 'soak.mjs', [
  '--minutes',
  '0.05',
  '--idle',
  '0',
  '--seed',
  '7',
]);

const MIB = 2 ** 20;
const series = (count, of) => Array.from({ length: count }, (_, i) => ({ rss: of(i) }));
const bound = { rss: 24 * MIB };

test('a small leak is found, and noise is not', t => {
  const noise = i => ((i * 7919) % 40) * MIB;
  t.deepEqual(
    judge(
      series(200, i => 100 * MIB + noise(i)),
      bound,
    ).grown,
    [],
  );
  t.is(
    judge(
      series(200, i => 100 * MIB + noise(i) + i * 0.3 * MIB),
      bound,
    ).grown.length,
    1,
  );
  // Caches that fill at the beginning are no leaks, and neither are fluctuations.
  t.deepEqual(
    judge(
      series(200, i => (i < 50 ? i : 50) * MIB),
      bound,
    ).grown,
    [],
  );
  t.deepEqual(
    judge(
      series(200, i => (i % 30 < 10 ? 200 : 140) * MIB),
      bound,
    ).grown,
    [],
  );
  t.is(
    judge(
      series(12, i => i * 10 * MIB),
      bound,
    ).grown.length,
    1,
  );
});
