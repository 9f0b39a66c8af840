// Compares imports of the same export by two implementations: their success, their use of the exporter, and the
// resulting stores.
import path from 'node:path';
import { hostAdditions } from './additions.mjs';
import { exportInMode, look, modes, readTables } from './observe.mjs';
import { attempt } from './outcome.mjs';
import { assertSame } from './compare.mjs';
import { makeWorld } from './world.mjs';

const importInto = async (impl, dir, exporter, options, tidy) => {
  const { importSwingStore } = impl.api;
  const outcome = await attempt(() => importSwingStore(exporter, dir, options), tidy);
  if (!outcome.resolves) return { verdict: outcome };
  const { hostStorage, debug, ...others } = outcome.resolves;
  return {
    verdict: 'imported',
    others,
    hostStorage: Object.keys(hostStorage)
      .filter(name => !hostAdditions.includes(name))
      .sort(),
    tables: readTables(debug.getDatabase()),
    committed: await attempt(() => hostStorage.commit(), tidy),
    closed: await attempt(() => hostStorage.close(), tidy),
  };
};

// The reference writes a span's items before it counts them, so that surplus items may conflict with the next span's. It
// is sufficient then that both refuse.
const collision = /^UNIQUE constraint failed: transcriptItems\./;

const collided = ({ verdict }) => collision.test(verdict.rejects?.message || '');

/**
 * @param {any[]} pair
 * @param {string | null} base a directory for the imported stores; null imports into memory
 * @param {(i: number) => { exporter: any, calls?: any, tidy?: (text: string) => string }} makeExporter called for each
 * @param {object} options the options of importSwingStore
 * @param {string} what
 * @param {object} [config] the config of the worlds that open the results
 * @returns {Promise<boolean>} whether the imports succeeded
 */
export const compareImports = async (pair, base, makeExporter, options, what, config = {}) => {
  const dirs = ['one', 'two'].map(name => base && path.join(base, name));
  const results = [];
  for (const [i, impl] of pair.entries()) {
    const { exporter, calls, tidy = text => text } = makeExporter(i);
    const dir = dirs[i];
    const hide = text => tidy(dir ? text.split(dir).join('<dir>') : text);
    const result = await importInto(impl, dir, exporter, options, hide);
    if (calls) {
      result.close = calls.close;
      if (result.verdict === 'imported') {
        // The importer chooses the order of artifacts.
        result.asked = [...calls.artifacts].sort();
      }
    }
    results.push(result);
  }
  if (collided(results[1]) && results[0].verdict.rejects) return false;
  assertSame(results[0], results[1], what);
  if (results[0].verdict !== 'imported' || !base) {
    return results[0].verdict === 'imported';
  }

  // Each implementation opens the store that the other imported.
  const swapped = pair.map((impl, i) => makeWorld(impl, dirs[1 - i], config));
  const seen = [];
  for (const world of swapped) {
    world.open();
    const all = [await look(world)];
    for (const mode of modes) {
      all.push([mode, await exportInMode(world, mode)]);
    }
    await world.close();
    seen.push(all);
  }
  assertSame(seen[0], seen[1], `${what}, opened by the other`);
  return true;
};
