// The kinds of stores for kernels that are killed, and records of their messages to the host.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import tmp from 'tmp';

/**
 * The kinds of stores as plain data, which is passed to the process:
 *   archive: none | native (the addon writes the files) | called (any callback)
 */
export const CONFIGS = [
  { keepSnapshots: true, keepTranscripts: true, exports: true, archive: 'none' },
  { keepSnapshots: false, keepTranscripts: false, exports: true, archive: 'native' },
  { keepSnapshots: true, keepTranscripts: false, exports: true, archive: 'called' },
  { keepSnapshots: false, keepTranscripts: true, exports: false, archive: 'native', asFile: true },
];

/** Collects a store's messages during a block: the changes of its export data, and the hashes of its cranks. */
export const makeWitness = () => {
  let said = [];
  return {
    exportCallback: entries => said.push(...entries),
    /** A hash of the messages since the last call. */
    take(hashes) {
      const text = JSON.stringify([said, hashes]);
      said = [];
      return createHash('sha256').update(text).digest('hex');
    },
  };
};

/** The options of a store; without an archive unless there is a directory for it. */
export const optionsFor = (api, config, witness, archiveDir = undefined) => {
  const { keepSnapshots, keepTranscripts, exports, archive } = config;
  const options = { keepSnapshots, keepTranscripts };
  if (exports) options.exportCallback = witness.exportCallback;
  if (archive === 'none' || !archiveDir) return options;
  const powers = archive === 'native' && api.nativeArchivePowers ? api.nativeArchivePowers : { fs, path, tmp };
  const callbacks = {
    archiveSnapshot: api.makeArchiveSnapshot(archiveDir, powers),
    archiveTranscript: api.makeArchiveTranscript(archiveDir, powers),
  };
  for (const [name, callback] of Object.entries(callbacks)) {
    options[name] = archive === 'native' ? callback : (...args) => callback(...args);
  }
  return options;
};

/** Opens the store in a directory, by the directory or by its file. */
export const openStore = (api, dir, config, options) => {
  if (!config.asFile) return api.openSwingStore(dir, options);
  fs.mkdirSync(dir, { recursive: true });
  return api.openSwingStore(path.join(dir, 'swingstore.sqlite'), { ...options, asFile: true });
};
