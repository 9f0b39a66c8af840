// Performs steps on the whole store: commit, close, read, export.
import { dump, exportInMode, glance, look, readExporter } from '../../common/observe.mjs';

export const wholeOperations = {
  commit({ store }) {
    const { commit } = store.hostStorage;
    return commit();
  },
  /** Closing discards uncommitted changes, even within a crank. */
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
  /** An exporter always reads the committed state at its creation. */
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
