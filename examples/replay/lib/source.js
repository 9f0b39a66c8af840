// Reads the store: an export is imported to a temporary one first, which validates it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { ReplayError } from './errors.js';
import { readImage } from './images.js';

const MANIFEST = 'export-manifest.json';

/** The formats of the bundles that a worker evaluates as they are. */
const SCRIPTS = ['getExport', 'nestedEvaluate'];

/**
 * Opens a store or an export.
 *
 * @param {object} powers
 * @param {typeof import('swing-store-native')} powers.api
 * @param {string} powers.directory
 * @param {string} powers.temporary a directory for an imported store
 * @param {string} [powers.historyFrom] an archive or export with artifacts that the store has pruned
 * @param {AbortSignal} powers.signal
 * @param {(text: string) => void} powers.onProgress
 */
export const openSource = async ({ api, directory, temporary, historyFrom, signal, onProgress }) => {
  const isExport = !api.isSwingStore(directory);
  if (isExport && !existsSync(join(directory, MANIFEST))) {
    throw new ReplayError(
      `${directory} is neither a store nor an export: it has no file swingstore.sqlite and no ${MANIFEST}`,
    );
  }
  const dirPath = isExport ? join(temporary, 'store') : directory;
  if (isExport) {
    const { hostStorage } = await api.importSwingStoreFromDirectory(directory, dirPath, {
      signal,
      onProgress: ({ done, total }) => onProgress(`importing the export: ${done} of ${total} files`),
    });
    await hostStorage.commit();
    await hostStorage.close();
  }

  const elsewhere = historyFrom === undefined ? undefined : { historyFrom };
  const history = api.openSwingStoreHistory(dirPath, elsewhere);
  // The mode does not limit which artifacts can be read, only which are listed.
  const exporter = api.makeSwingStoreExporter(dirPath, { artifactMode: 'archival', ...elsewhere });
  const { kernelStorage, hostStorage } = api.openSwingStore(dirPath, { readonly: true });
  const { kvStore, bundleStore } = kernelStorage;

  /** Reads a bundle of a replay plan. */
  const readBundle = ({ bundleID, role, storedIn }) => {
    const bundle =
      storedIn === 'kvStore' ? JSON.parse(kvStore.get(`bundle.${bundleID}`)) : bundleStore.getBundle(bundleID);
    if (role === 'worker' && !SCRIPTS.includes(bundle.moduleFormat)) {
      throw new ReplayError(`a worker cannot evaluate the bundle ${bundleID}: its format is ${bundle.moduleFormat}`);
    }
    return bundle;
  };

  /** Copies a stored heap image to a file, and checks its hash. */
  const copyImage = async ({ artifact, hash }, file) => {
    const { snapshotID } = await readImage(exporter.getArtifact(artifact), file);
    if (snapshotID !== hash) {
      throw new ReplayError(
        `${artifact} is damaged: its hash is ${snapshotID}, and its record says ${hash}. ` +
          `"swing-store verify --state-dir ${directory}" lists all damage and what repairs it`,
      );
    }
  };

  return {
    isExport,
    historyFrom,
    history,
    readBundle,
    copyImage,
    /** The options that a kernel gives to the liveslots of a vat. */
    liveSlotsOptions: vat => ({
      enableDisavow: vat.options?.enableDisavow ?? false,
      relaxDurabilityRules: kvStore.has('kernel.relaxDurabilityRules'),
    }),
    async close() {
      await hostStorage.close();
      await exporter.close();
      await history.close();
    },
  };
};
