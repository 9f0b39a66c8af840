/**
 * The addon in several threads. Threads that end or are terminated during any work crash nothing, and leave their stores in
 * the state of the last commit.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const execute = promisify(execFile);

/** Set this to the reference's name to test the reference. */
const subject = process.env.SWING_STORE_UNDER_TEST ?? 'swing-store-native';
// The reference loads SES, which reports the error that ends a thread and then exits normally.
const hasSES = subject === '@agoric/swing-store';

const main = fileURLToPath(new URL('../support/robustness/workers/main.mjs', import.meta.url));

/** Runs threads with these endings in a separate process, which a crash would end. */
const run = async (t, endings) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'swing-store-workers-'));
  try {
    const argument = JSON.stringify({ subject, dir, endings });
    // A crash, or a thread that does not end, rejects here with the signal.
    const { stdout, stderr } = await execute(process.execPath, [main, argument], { timeout: 180_000 });
    if (!hasSES) t.is(stderr, '');
    const { expected, results } = JSON.parse(stdout);
    t.is(results.length, endings.length);
    for (const { ending, hash, busy, threw, uncommitted } of results) {
      t.is(hash, expected, ending);
      if (ending === 'finish') continue;
      t.true(busy, ending);
      t.false(uncommitted, ending);
      t.is(Boolean(threw), ending === 'throw' && !hasSES, ending);
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

/** One thread for each delay, in milliseconds. */
const each = (ending, ...delays) => delays.map(delay => ({ ending, delay }));

test.serial('threads that finish', run, each('finish', 0, 0, 0, 0));
test.serial('threads that exit while they work', run, [...each('finish', 0), ...each('exit', 0, 1, 5, 25, 100)]);
test.serial('threads that are terminated', run, [...each('finish', 0), ...each('terminate', 0, 1, 5, 25, 100)]);
test.serial('threads that exit in a callback', run, [...each('finish', 0), ...each('callback', 0, 0)]);
test.serial('threads that throw', run, [...each('finish', 0), ...each('throw', 0, 10)]);
test.serial('all of these at once', run, [
  ...each('finish', 0, 0),
  ...each('exit', 3),
  ...each('terminate', 7),
  ...each('callback', 0),
  ...each('throw', 2),
]);
