/**
 * Under SES's default error taming, messages hide values and the console shows them: for the reference within the message,
 * for ours in a note below it.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';

const root = new URL('../..', import.meta.url);

/** The message of an error, and the console's output for it, from a program. */
const report = async (lockdown, store) => {
  const program = `
    import ${JSON.stringify(lockdown)};
    import { initSwingStore } from ${JSON.stringify(store)};
    const { transcriptStore } = initSwingStore().internal;
    try {
      await transcriptStore.populateTranscriptSpan('transcript.v77.0.1', async () => [], { artifactMode: 'debug' });
    } catch (error) {
      console.error(error);
      process.stdout.write(error.message);
    }`;
  const args = ['--input-type=module', '--eval', program];
  return promisify(execFile)(process.execPath, args, { cwd: root, timeout: 60_000 });
};

test('the console shows what the message hides', async t => {
  const ours = await report('@endo/init', './index.mjs');
  const theirs = await report('@endo/init', '@agoric/swing-store');
  t.is(ours.stdout, theirs.stdout);
  t.regex(ours.stdout, /\(a string\)/);
  t.notRegex(ours.stdout, /v77/);
  t.regex(theirs.stderr, /v77/);
  t.regex(ours.stderr, /ERROR_NOTE: .*v77/);
});

test('a message that hides nothing has no note', async t => {
  const { stdout, stderr } = await report('@endo/init/debug.js', './index.mjs');
  t.regex(stdout, /v77/);
  t.notRegex(stderr, /ERROR_NOTE/);
});
