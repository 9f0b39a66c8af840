// Each job writes to the disk in an order that survives a loss of power. Judged by the system calls of the process, which a
// preloaded library logs.
import test from 'ava';

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import * as api from '../../index.mjs';
import { jobs, makeMaterial, prepare } from '../support/torture/job-checks.mjs';
import { checkDurable } from '../support/torture/sync-order.mjs';
import { callsIn, compileKiller, killerEnv } from '../support/torture/kill-at-call.mjs';
import { startWaiting } from '../support/torture/kill-at-random.mjs';
import { leaveOut } from '../support/common/requirements.mjs';
import { inTempDir } from '../support/common/world.mjs';

const program = fileURLToPath(new URL('../support/torture/programs/job.mjs', import.meta.url));

/** The steps that each job must take. A job's name is its work and a number. */
const expected = {
  'importSwingStore.1': { named: 1 },
  'importSafely.0': { named: 1 },
  'importFromDirectory.1': { named: 1 },
  'exportToDirectory.0': { named: 16, manifests: 1 },
  'exportCompressed.0': { named: 16, manifests: 1 },
  'exportReusing.0': { named: 16, manifests: 1 },
  'archive.0': { named: 20 },
  'reportByCli.0': { named: 1 },
  'repair.0': { commits: 1 },
  'repopulateFromDirectory.0': { commits: 20 },
  'prune.0': { commits: 10 },
  'reclaim.0': { commits: 1 },
  'kernel.0': { named: 10, commits: 5 },
};

test('names, contents and transactions reach the disk in order', async t => {
  t.timeout(120_000);
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    const killer = compileKiller(base);
    if (!killer) {
      leaveOut(t, 'compiler');
      return;
    }
    await makeMaterial(api, at, { items: 20, imageSize: 20_000 });
    for (const [name, least] of Object.entries(expected)) {
      const [work, number] = name.split('.');
      prepare(at, jobs[work]?.[number] ?? {});
      const log = at('calls.log');
      fs.rmSync(log, { force: true });
      const child = startWaiting(program, [work, base], killerEnv(killer, { under: at('to'), log }));
      const { code, lines } = await child.goAndKill();
      t.deepEqual([code, lines.at(-1)], [0, 'done'], name);
      const found = checkDurable(callsIn(log));
      for (const [what, count] of Object.entries(least))
        t.true(found[what] >= count, `${name}: ${found[what]} ${what}`);
    }
  });
});

// The rules themselves, on logs that break one each.
const good = [
  'open /.swing-store-export-0/a',
  'write /.swing-store-export-0/a',
  'write /.swing-store-export-0/export-manifest.json',
  'syncfs /.swing-store-export-0',
  'link /a < /.swing-store-export-0/a',
  'sync ',
  'rename /export-manifest.json < /.swing-store-export-0/export-manifest.json',
  'sync ',
  'commit /s-wal',
  'write /s-wal',
  'sync /s-wal',
  'commit /s-wal',
  'sync /s-wal',
];
const without = i => good.filter((_, at) => at !== i);
const moved = (from, to) => {
  const calls = [...good];
  calls.splice(to, 0, ...calls.splice(from, 1));
  return calls;
};

test('the rules are kept to', t => {
  t.deepEqual(checkDurable(good), { named: 2, manifests: 1, commits: 2 });
  const broken = [
    [without(3), /\/a got its name before its contents/],
    [without(5), /the name \/a was not on the disk before \/export-manifest\.json/],
    [without(7), /the name \/export-manifest\.json was not on the disk before the end/],
    [without(10), /a transaction in \/s-wal was not on the disk before the next/],
    [without(12), /the last transaction in \/s-wal/],
    [moved(4, 6), /\/a got its name after \/export-manifest\.json/],
    [moved(3, 1), /before its contents/],
  ];
  for (const [calls, message] of broken) t.throws(() => checkDurable(calls), { message });
});
