/**
 * The package behaves the same for every way of loading it, with and without a SES lockdown. Its results are hardened under
 * a lockdown and frozen without one. Each case has its own process, since a lockdown can't be undone.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const execute = promisify(execFile);

const reference = '@agoric/swing-store';
/** To see how the reference itself does, give its name. It needs a lockdown, and returns some things unfrozen. */
const subject = process.env.SWING_STORE_UNDER_TEST ?? 'swing-store-native';
const isReference = subject === reference;

const runner = fileURLToPath(new URL('../support/api/lockdown/run.mjs', import.meta.url));

/** Runs `support/api/lockdown/run.mjs` in a directory of its own. */
const run = async way => {
  const dir = await mkdtemp(path.join(tmpdir(), 'swing-store-lockdown-'));
  try {
    const { stdout } = await execute(process.execPath, [runner, JSON.stringify({ ...way, dir })], { timeout: 120_000 });
    return JSON.parse(stdout);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

/** What the reference says to the same calls. */
let expected;
test.before(async () => {
  ({ facts: expected } = await run({ subject: reference, loader: 'import', lockdown: '@endo/init' }));
});

/** What the reference hardens; the rest it returns as it was made. */
const hardenedByReference = /^(store|exporter|db|dump|bundle|saved)\b/;

const lockdowns = ['none', '@endo/init', '@endo/init/debug.js', 'ses-before', 'ses-after', 'ses1-before', 'ses1-after'];
for (const lockdown of lockdowns) {
  // The reference needs what @endo/init sets up before it is loaded.
  const works = !isReference || lockdown.startsWith('@endo/init');
  // With `ses` 1, once: chains have it, and new hosts do not.
  for (const loader of lockdown.startsWith('ses1') ? ['both'] : ['import', 'require', 'both']) {
    (works ? test.serial : test.serial.skip)(`${loader}, lockdown: ${lockdown}`, async t => {
      const { facts, unfrozen, differing, hardened } = await run({ subject, loader, lockdown });
      t.is(hardened, lockdown !== 'none');
      t.regex(facts.incomplete, /^missing bundles for: /);
      t.deepEqual({ ...facts, incomplete: undefined }, { ...expected, incomplete: undefined });
      t.deepEqual(facts.exportOfCopy, facts.export);
      t.deepEqual(isReference ? unfrozen.filter(where => hardenedByReference.test(where)) : unfrozen, []);
      t.deepEqual(differing, []);
    });
  }
}

// That the cases above agree with the reference says little if the reference was not put through anything.
test('the reference has the recorded facts', t => {
  const {
    complaints,
    incomplete,
    activityhash,
    items,
    export: { artifacts },
  } = expected;
  t.is(complaints.vat, 'no current transcript for "v9"');
  t.is(complaints.hostKey, 'kernelKVStore refuses host keys');
  t.is(incomplete, 'missing bundles for: (a string)');
  t.is(complaints.closed, 'db not initialized');
  t.regex(activityhash, /^[0-9a-f]{64}$/);
  t.deepEqual(items, ['first', 'zweites: ü', 'third']);
  t.deepEqual(
    Object.keys(artifacts)
      .map(name => name.split('.')[0])
      .sort(),
    ['bundle', 'snapshot', 'transcript', 'transcript', 'transcript'],
  );
});
