// The addon's errors with and without SES's hiding of values. A fake `assert` takes the place of SES.
import test from 'ava';

import { initSwingStore } from '../../index.mjs';

const thrownBy = act => {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw Error('nothing was thrown');
};

/** The error of a store that is opened now. */
const errorNow = async () => {
  const { internal } = initSwingStore();
  const { transcriptStore } = internal;
  const populating = transcriptStore.populateTranscriptSpan('transcript.secret.0.1', async () => [], {
    artifactMode: 'debug',
  });
  const error = await populating.catch(reason => reason);
  internal.db.close();
  return error;
};

test.afterEach.always(() => {
  delete globalThis.assert;
});

/** An `assert` as lockdown leaves it; `hides` says what it makes of values. */
const playSES = (show, changes = {}) => {
  const notes = [];
  globalThis.assert = Object.assign(() => {}, {
    Fail(template, ...values) {
      throw Error(values.length > 0 ? show : template.join());
    },
    details: (template, ...args) => ({ template, args }),
    note: (error, details) => notes.push([error, details]),
    ...changes,
  });
  return notes;
};

test.serial('values are hidden if SES hides them, and a note shows them', async t => {
  const open = await errorNow();
  t.regex(open.message, /secret/);

  const notes = playSES('(a string)');
  const hidden = await errorNow();
  t.notRegex(hidden.message, /secret/);
  t.regex(hidden.message, /\(a string\)/);
  t.is(notes.length, 1);
  const [[noted, { template, args }]] = notes;
  t.is(noted, hidden);
  t.deepEqual([...template], [open.message]);
  t.deepEqual(template.raw, [open.message]);
  t.deepEqual(args, []);

  // An error that hides nothing has no note.
  const store = initSwingStore();
  const refused = thrownBy(() => store.kernelStorage.kvStore.set('host.key', 'value'));
  t.regex(refused.message, /refuses host keys/);
  t.is(notes.length, 1);
  store.internal.db.close();

  // SES comes and goes, and changes its mind.
  playSES('"shown"');
  t.is((await errorNow()).message, open.message);
  delete globalThis.assert;
  t.is((await errorNow()).message, open.message);
});

test.serial('environments without SES', async t => {
  const { message } = await errorNow();
  for (const assert of [7, null, {}, () => {}, Object.assign(() => {}, { Fail: 7 })]) {
    globalThis.assert = assert;
    t.is((await errorNow()).message, message);
  }
  // An assert that fails at nothing.
  playSES('', { Fail: () => {} });
  t.is((await errorNow()).message, message);
  // One that can't note anything.
  const notes = playSES('(a string)', { note: undefined });
  t.regex((await errorNow()).message, /\(a string\)/);
  t.deepEqual(notes, []);
});
