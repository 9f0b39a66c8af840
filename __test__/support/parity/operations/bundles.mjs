// Performs steps on the bundle store. Names of bundles are those of ../../common/bundles.mjs.
import { Buffer } from 'node:buffer';
import { bundles } from '../../common/bundles.mjs';
import { drain, drainBytes } from '../../common/outcome.mjs';

const facet = ({ store }) => store.kernelStorage.bundleStore;
const internal = ({ store }) => store.internal.bundleStore;

const idOf = name => (Object.hasOwn(bundles, name) ? bundles[name].id : name);

export const bundleOperations = {
  addBundle(world, name) {
    const { addBundle } = facet(world);
    const { id, bundle } = bundles[name];
    return addBundle(id, bundle);
  },
  hasBundle(world, name) {
    const { hasBundle } = facet(world);
    return hasBundle(idOf(name));
  },
  getBundle(world, name) {
    const { getBundle } = facet(world);
    return getBundle(idOf(name));
  },
  deleteBundle(world, name) {
    const { deleteBundle } = facet(world);
    return deleteBundle(idOf(name));
  },
  getBundleIDs(world) {
    const { getBundleIDs } = internal(world);
    return drain(getBundleIDs(), world.tidy);
  },
  exportBundle(world, name) {
    const { exportBundle } = internal(world);
    return drainBytes(exportBundle(`bundle.${idOf(name)}`), world.tidy);
  },
  importBundleRecord(world, name, key, value) {
    const { importBundleRecord } = internal(world);
    const id = idOf(name);
    return importBundleRecord(key || `bundle.${id}`, value || id);
  },
  repairBundleRecord(world, name, key, value) {
    const { repairBundleRecord } = internal(world);
    const id = idOf(name);
    return repairBundleRecord(key || `bundle.${id}`, value || id);
  },
  /** The artifact of a bundle: its text (b0) or its archive (b1). */
  importBundle(world, name, contentName) {
    const { importBundle } = internal(world);
    const { bundle, bytes } = bundles[contentName || name];
    const archive = bytes || bundle.endoZipBase64;
    const data = archive === undefined ? Buffer.from(JSON.stringify(bundle)) : Buffer.from(archive, 'base64');
    return importBundle(`bundle.${idOf(name)}`, async () => data);
  },
  pruneBundle({ store }, name) {
    const db = store.debug.getDatabase();
    db.prepare('UPDATE bundles SET bundle = NULL WHERE bundleID = ?').run(idOf(name));
  },
};
