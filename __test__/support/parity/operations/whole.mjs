// Steps on the store as a whole: commit, close, look, export.
import { dump, exportInMode, glance, look, readExporter } from '../../common/observe.mjs';

export const wholeOperations = {
  commit({ store }) {
    const { commit } = store.hostStorage;
    return commit();
  },
  /** Closing abandons what is not committed, in mid-crank too. */
  async reopen(world) {
    if (world.dir === null) return 'in memory';
    await world.close();
    world.open();
    return 'open';
  },
  dump(world, includeHistorical) {
    return dump(world, includeHistorical);
  },
  glance,
  look,
  async export(world, mode) {
    return world.dir === null ? 'in memory' : exportInMode(world, mode);
  },
  /** An exporter sees what was committed when it was made, whenever it is read. */
  openExporter(world, slot, artifactMode) {
    if (world.dir === null || world.slots.has(slot)) return 'no';
    const { makeSwingStoreExporter } = world.impl.api;
    world.slots.set(slot, makeSwingStoreExporter(world.dir, { artifactMode }));
    return 'yes';
  },
  async readExporter(world, slot) {
    const exporter = world.slots.get(slot);
    if (!exporter) return 'none';
    world.slots.delete(slot);
    const seen = await readExporter(exporter, world.tidy);
    await exporter.close();
    return seen;
  },
  diskUsage({ store }) {
    const { diskUsage } = store.hostStorage;
    return typeof diskUsage();
  },
  isSwingStore({ impl, dir }) {
    return dir === null || impl.api.isSwingStore(dir);
  },
};
