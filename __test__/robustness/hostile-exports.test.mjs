// Both implementations give the same result for spoiled exports and bundles. `npm run torture:hostile` tries thousands.
import '@endo/init/debug.js';

import test from 'ava';
import { throwHostileInput } from '../support/torture/hostile-input.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { seed } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

test('hostile exports and bundles', async t => {
  await inTempDir(async base => {
    const figures = await throwHostileInput(base, { rounds: 250, seed });
    t.log(figures);
    t.true(figures.accepted > 0 && figures.refused > 0);
  });
});

test('messages quote values as the reference does', async t => {
  const refusals = async ({ importSwingStore }, key) => {
    const exporter = {
      async *getExportData() {
        yield [key, 'x'];
      },
      async *getArtifactNames() {},
      getArtifact: () => [],
      getHostKV: () => undefined,
      close: async () => {},
    };
    const { message } = await t.throwsAsync(() => importSwingStore(exporter, null));
    return message;
  };
  for (const key of ['[kind].x', '[[a', '"q".x', '']) {
    const [ours, theirs] = await Promise.all([subject.api, reference.api].map(api => refusals(api, key)));
    t.is(ours, theirs);
  }
});
