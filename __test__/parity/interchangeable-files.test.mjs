// One file for two implementations: each opens, continues and exports the other's store. Uses a generated store and a real
// kernel's store.
import '@endo/init/debug.js';

import test from 'ava';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { kernelBlocks } from '../support/parity/fixed-blocks.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { compareImports } from '../support/common/compare-imports.mjs';
import { look } from '../support/common/observe.mjs';
import { compareExports, doInBoth, operations, perform } from '../support/parity/runner.mjs';
import { leaveOut } from '../support/common/requirements.mjs';
import { realStoreDir } from '../support/common/settings.mjs';
import { inTempDir, makeWorld } from '../support/common/world.mjs';

const pair = [subject, reference];

// Dumps of large images take the reference minutes under a lockdown.
const config = { callback: 'record', noDumps: true };

const openBoth = dirs => {
  const worlds = pair.map((impl, i) => makeWorld(impl, dirs[i], config));
  for (const world of worlds) world.open();
  return worlds;
};

const closeBoth = worlds => doInBoth(worlds, world => world.close(), 'close');

/**
 * Two copies of a store. In each round, each implementation continues with one copy; then they swap, so both write each
 * file in turn.
 */
const backAndForth = async (base, dirs, { rounds, blocks, vats }) => {
  let [ours, theirs] = dirs;
  let height = 0;
  for (let round = 0; round < rounds; round += 1) {
    const worlds = openBoth([ours, theirs]);
    try {
      await doInBoth(worlds, look, `round ${round}, as it was found`);
      await compareExports(worlds, `in round ${round}, as it was found`);
      const steps = kernelBlocks(height, height + blocks, vats);
      await perform(worlds, steps, false);
      if (round === rounds - 1) await compareExports(worlds, 'after the last block');
      await closeBoth(worlds);
    } finally {
      for (const world of worlds) await world.close().catch(() => {});
    }
    height += blocks;
    [ours, theirs] = [theirs, ours];
  }

  // Both import the result from each other's exporters.
  for (const [i, mode] of ['operational', 'debug'].entries()) {
    const exporterOf = pair[i];
    const dir = [ours, theirs][i];
    await compareImports(
      pair,
      path.join(base, `import-${mode}`),
      () => ({
        exporter: exporterOf.api.makeSwingStoreExporter(dir, { artifactMode: mode }),
      }),
      { artifactMode: mode },
      `${mode} import`,
      config,
    );
  }
};

test.serial('a generated store', async t => {
  t.timeout(300_000);
  await inTempDir(async base => {
    const dirs = ['one', 'two'].map(name => path.join(base, name));
    await backAndForth(base, dirs, {
      rounds: 4,
      blocks: 12,
      vats: { old: [], young: ['v1', 'v2', 'v10'] },
    });
  });
  t.pass();
});

const unpackRealStore = async dirs => {
  const packed = path.join(realStoreDir, 'swingstore.sqlite.xz');
  if (!fs.existsSync(packed)) return `there is no ${path.basename(packed)}`;
  const [first, ...others] = dirs;
  for (const dir of dirs) fs.mkdirSync(dir);
  fs.copyFileSync(packed, path.join(first, 'swingstore.sqlite.xz'));
  try {
    const file = path.join(first, 'swingstore.sqlite.xz');
    await promisify(execFile)('xz', ['--decompress', file]);
  } catch (error) {
    if (error.code === 'ENOENT') return 'there is no xz to unpack it';
    throw error;
  }
  const file = path.join(first, 'swingstore.sqlite');
  fs.chmodSync(file, 0o644);
  for (const dir of others) {
    fs.copyFileSync(file, path.join(dir, 'swingstore.sqlite'));
  }
  return undefined;
};

test.serial("a real kernel's store", async t => {
  t.timeout(600_000);
  await inTempDir(async base => {
    const dirs = ['one', 'two'].map(name => path.join(base, name));
    const missing = await unpackRealStore(dirs);
    if (missing) {
      leaveOut(t, 'real-store', missing);
      return;
    }
    await backAndForth(base, dirs, {
      rounds: 2,
      blocks: 5,
      vats: { old: ['v1', 'v6', 'v8'], young: ['v20'] },
    });
    // The store continues in this process without the other one.
    const world = makeWorld(subject, dirs[0], config);
    world.open();
    t.truthy(operations.get(world, 'host', 'host.height'));
    await world.close();
  });
  t.pass();
});
