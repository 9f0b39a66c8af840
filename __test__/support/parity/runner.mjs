// Runs one sequence of steps in two worlds. After each step, results and callbacks must be the same in both.
import path from 'node:path';
import { inspect } from 'node:util';
import { assertSame, Difference } from '../common/compare.mjs';
import { exportInMode, glance, look, lookAtParts, modes } from '../common/observe.mjs';
import { bundleOperations } from './operations/bundles.mjs';
import { kvOperations } from './operations/kv.mjs';
import { snapshotOperations } from './operations/snapshots.mjs';
import { sqlOperations } from './operations/sql.mjs';
import { transcriptOperations } from './operations/transcripts.mjs';
import { wholeOperations } from './operations/whole.mjs';
import { attempt } from '../common/outcome.mjs';
import { makeTempDir, makeWorld, removeDir } from '../common/world.mjs';

export const operations = {
  ...kvOperations,
  ...transcriptOperations,
  ...snapshotOperations,
  ...bundleOperations,
  ...wholeOperations,
  ...sqlOperations,
};

export const describeStep = ([name, ...args]) => {
  const shown = args.map(arg => {
    const text = inspect(arg, { breakLength: Infinity, depth: 4 });
    return text.length > 80 ? `${text.slice(0, 80)}…` : text;
  });
  return `${name}(${shown.join(', ')})`;
};

/** Runs a function in both worlds, one after the other, and compares. */
export const doInBoth = async (worlds, thunk, what) => {
  const outcomes = [];
  for (const world of worlds) {
    const outcome = await attempt(() => thunk(world), world.tidy);
    outcomes.push({ ...outcome, events: world.takeEvents() });
  }
  assertSame(outcomes[0], outcomes[1], what);
  return outcomes[0];
};

/** Runs a list of steps in both worlds, and compares after each. */
export const perform = async (worlds, steps, lookOften, from = 0) => {
  for (const [i, step] of steps.entries()) {
    const [name, ...args] = step;
    const operation = operations[name];
    if (!operation) throw Error(`no such operation as ${name}`);
    const what = `step ${from + i} ${describeStep(step)}`;
    await doInBoth(worlds, world => operation(world, ...args), what);
    if (lookOften) {
      await doInBoth(worlds, glance, `seen after ${what}`);
    }
  }
};

export const compareExports = async (worlds, when) => {
  for (const mode of modes) {
    await doInBoth(worlds, world => exportInMode(world, mode), `${mode} export ${when}`);
  }
};

/**
 * Compresses the history of the first store. It exports and shows the same as the second, which has rows; and after it was
 * expanded, its tables are the same, too.
 */
const compareCompacted = async (worlds, config) => {
  const [{ impl, store, dir }] = worlds;
  if (!impl.api.compactSwingStore || config.unsafeFastMode) return;
  // A commit that failed leaves its transaction open, and compaction beside it would wait.
  if (store.debug.getDatabase()?.inTransaction !== false) return;
  try {
    await store.hostStorage.compactHistory();
  } catch (error) {
    // A sequence may end within a crank.
    if (error.code !== 'ERR_SWING_STORE_CRANK') throw error;
    await impl.api.compactSwingStore(dir);
  }
  await doInBoth(worlds, world => exportInMode(world, 'debug'), 'export of a compacted store');
  await doInBoth(worlds, lookAtParts, 'seen in a compacted store');
  await impl.api.expandSwingStore(dir);
};

/** Each implementation continues with the other's store. */
const crossOver = async (worlds, config) => {
  await doInBoth(worlds, world => world.close(), 'close');
  const [ours, theirs] = worlds;
  return [makeWorld(ours.impl, theirs.dir, config), makeWorld(theirs.impl, ours.dir, config)];
};

/** Swaps serialized stores if they are in memory. */
const crossOverInMemory = async (worlds, config) => {
  const [ours, theirs] = worlds;
  const images = worlds.map(({ store }) => store.debug.serialize());
  await doInBoth(worlds, world => world.close(), 'close');
  const next = [makeWorld(ours.impl, null, config), makeWorld(theirs.impl, null, config)];
  next[0].open({ serialized: images[1] });
  next[1].open({ serialized: images[0] });
  return next;
};

/**
 * @param {[ours: any, theirs: any]} pair two implementations
 * @param {object} example
 * @param {object} example.config see world.mjs; `memory` means no file
 * @param {boolean} example.lookOften whether to read the tables after each step. Not always, since reading with SQL makes a
 *   store write its buffer, which can hide a fault.
 * @param {any[][]} example.steps
 * @param {any[][]} [example.tail] more steps, after the two have swapped files
 * @param {(worlds: any[]) => Promise<void>} [example.afterwards] called at the end
 */
export const runSideBySide = async (pair, example) => {
  const { config, lookOften, steps, tail = [], afterwards } = example;
  const base = makeTempDir();
  const dirs = ['one', 'two'].map(name => (config.memory ? null : path.join(base, name)));
  let worlds = pair.map((impl, i) => makeWorld(impl, dirs[i], config));
  try {
    await doInBoth(worlds, world => world.init(), 'init');
    await perform(worlds, steps, lookOften);
    await doInBoth(worlds, look, 'seen at the end');
    await doInBoth(worlds, operations.commit, 'commit at the end');
    if (config.memory) {
      await doInBoth(worlds, look, 'seen after commit');
      worlds = await crossOverInMemory(worlds, config);
    } else {
      await compareExports(worlds, 'at the end');
      // In every third example, because it takes as long as all the rest.
      if (steps.length % 3 === 0) await compareCompacted(worlds, config);
      worlds = await crossOver(worlds, config);
      await doInBoth(worlds, world => world.open(), "open the other's file");
      await compareExports(worlds, "of the other's file");
    }
    await doInBoth(worlds, look, "seen in the other's store");
    await perform(worlds, tail, lookOften, steps.length);
    await doInBoth(worlds, look, 'seen after the tail');
    await doInBoth(worlds, operations.commit, 'commit after the tail');
    if (!config.memory) await compareExports(worlds, 'after the tail');
    if (afterwards) await afterwards(worlds);
  } catch (error) {
    if (!(error instanceof Difference)) {
      error.message = `the harness itself failed: ${error.message}`;
    }
    throw error;
  } finally {
    for (const world of worlds) {
      await world.close().catch(() => {});
    }
    removeDir(base);
  }
};
