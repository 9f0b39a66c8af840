// Several connections to one store that commit between each other's transactions: ours in this process, ours in another
// one, and the reference's in a third. Each sees the same as if all three were the reference's.
import '@endo/init/debug.js';

import test from 'ava';
import fc from 'fast-check';
import path from 'node:path';

import { blocksOfConnections } from '../support/parity/arbitraries/connections.mjs';
import { assertSame } from '../support/common/compare.mjs';
import { makeActor, startProcess } from '../support/parity/connections.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { useLimits } from '../support/common/small-limits.mjs';
import { checkProperty } from '../support/common/property.mjs';
import { describeStep } from '../support/parity/runner.mjs';
import { inTempDir } from '../support/common/world.mjs';

/** Opens a store by three connections: one in this process and one in each of two others. */
const openGroup = async (impl, dir, config, processes, theirs) => {
  const actors = [
    makeActor(impl, dir, config),
    await processes[0].makeActor(theirs[0], dir, config),
    await processes[1].makeActor(theirs[1], dir, config),
  ];
  await actors[0].init();
  for (const actor of actors.slice(1)) await actor.open();
  return actors;
};

const check = async (processes, { config, steps }) => {
  await inTempDir(async base => {
    const groups = [
      await openGroup(subject, path.join(base, 'one'), config, processes.slice(0, 2), ['subject', 'reference']),
      await openGroup(reference, path.join(base, 'two'), config, processes.slice(2), ['reference', 'reference']),
    ];
    try {
      for (const [i, [who, step]] of steps.entries()) {
        const outcomes = [];
        for (const actors of groups) outcomes.push(await actors[who].do(step));
        assertSame(outcomes[0], outcomes[1], `step ${i} of connection ${who}, ${describeStep(step)}`);
      }
    } finally {
      for (const actors of groups) for (const actor of actors) await actor.close();
    }
  });
};

const config = fc.record({
  callback: fc.constantFrom('record', 'none'),
  keepTranscripts: fc.boolean(),
  keepSnapshots: fc.constant(false),
});
const examples = fc.record({ config, steps: blocksOfConnections({ minLength: 2, maxLength: 8 }) });

// A minimal case, independent of the random sequences above.
for (const [what, begin] of Object.entries({
  'a write': ({ kernelStorage }) => kernelStorage.kvStore.set('z', 'written'),
  'a deletion': ({ kernelStorage }) => kernelStorage.kvStore.delete('none'),
  'an item': ({ kernelStorage }) => kernelStorage.transcriptStore.addItem('v1', 'item'),
  'a savepoint': ({ kernelStorage }) => {
    kernelStorage.startCrank();
    kernelStorage.establishCrankSavepoint('start');
    kernelStorage.kvStore.set('z', 'written');
  },
  "a tool's": ({ debug }) => debug.getDatabase().exec('BEGIN IMMEDIATE'),
})) {
  test.serial(`a transaction that begins with ${what} sees other commits`, async t => {
    useLimits('default');
    await inTempDir(async base => {
      const { openSwingStore } = subject.api;
      const dir = path.join(base, 'store');
      const one = openSwingStore(dir);
      const { kvStore, transcriptStore } = one.kernelStorage;
      kvStore.set('a', 'old');
      kvStore.set('c', 'old');
      kvStore.set('e', 'old');
      transcriptStore.initTranscript('v1');
      await one.hostStorage.commit();
      const other = openSwingStore(dir);
      // Reads are cached, including absence and neighbours.
      const seen = () => [kvStore.get('a'), kvStore.has('b'), kvStore.getNextKey('a'), kvStore.get('c')];
      t.deepEqual(seen(), ['old', false, 'c', 'old']);
      other.kernelStorage.kvStore.set('a', 'new');
      other.kernelStorage.kvStore.set('b', 'new');
      other.kernelStorage.kvStore.delete('c');
      other.kernelStorage.transcriptStore.addItem('v1', 'theirs');
      await other.hostStorage.commit();
      begin(one);
      t.deepEqual(seen(), ['new', true, 'b', undefined]);
      t.is(kvStore.getNextKey('b'), 'e');
      t.true([...transcriptStore.readSpan('v1')].includes('theirs'));
      await one.hostStorage.close();
      await other.hostStorage.close();
    });
  });
}

for (const limits of ['default', 'tiny']) {
  test.serial(`three connections, with ${limits} limits`, async t => {
    useLimits(limits);
    const env = limits === 'tiny' ? { SWING_STORE_TEST_LIMITS: 'tiny' } : {};
    const processes = [startProcess(env), startProcess(), startProcess(), startProcess()];
    try {
      await checkProperty(t, examples, example => check(processes, example), { runs: 40 });
    } finally {
      for (const each of processes) await each.end();
    }
  });
}
