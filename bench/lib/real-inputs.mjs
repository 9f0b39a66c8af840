/** Inputs of phases from an existing store, for `--real`. */
import { copyFile, cp, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { load, ours } from './implementations.mjs';
import { exportWhole, writeImages } from './inputs.mjs';
import { compactedIn, storeIn } from './paths.mjs';

/** The files of a store: the database, and its log if the store was not closed. */
const storeFile = /^swingstore\.sqlite(-wal)?$/;

const copyStore = async (input, real) => {
  await mkdir(storeIn(input));
  for (const name of await readdir(real)) {
    if (storeFile.test(name)) await copyFile(path.join(real, name), path.join(storeIn(input), name));
  }
};

const copyAndExport = async ({ api, input }, real) => {
  await copyStore(input, real);
  await exportWhole(api, input);
};

/** Also makes a copy of the store with compressed history, with this package. */
const copyAndCompact = async (context, real) => {
  await copyAndExport(context, real);
  const compacted = compactedIn(context.input);
  await cp(storeIn(context.input), compacted, { recursive: true });
  const api = await load(ours);
  await api.compactSwingStore(compacted);
  await api.reclaimSwingStoreSpace(compacted, { method: 'rewrite' });
};

/** Also exports the store to compressed files, with this package. */
const copyAndExportCompressed = async (context, real) => {
  await copyAndExport(context, real);
  const api = await load(ours);
  const options = { artifactMode: 'archival', exportDataMode: 'all', compress: true };
  await api.exportSwingStoreToDirectory(storeIn(context.input), path.join(context.input, 'compressed'), options);
};

/** Writes the images of the current snapshots to files. */
const extractImages = async ({ api, input }, real) => {
  await copyStore(input, real);
  const { kernelStorage, internal, hostStorage } = api.openSwingStore(storeIn(input));
  const inUse = [...internal.snapStore.listAllSnapshots()].filter(snapshot => snapshot.inUse);
  async function* images() {
    for (const { vatID } of inUse) {
      const chunks = [];
      for await (const chunk of kernelStorage.snapStore.loadSnapshot(vatID)) chunks.push(chunk);
      yield Buffer.concat(chunks);
    }
  }
  await writeImages(input, images());
  await hostStorage.close();
};

const justCopy = ({ input }, real) => copyStore(input, real);

/** The inputs by phase. Like a phase's own input, each fills the directory `input` of its context. */
export const realInputs = {
  export: copyAndExport,
  import: copyAndExport,
  'export-native': copyAndExport,
  'import-native': copyAndExport,
  'export-compressed': copyAndCompact,
  'import-compressed': copyAndExportCompressed,
  'snapshot-save': extractImages,
  'snapshot-load': justCopy,
  'export-data': justCopy,
  open: justCopy,
  names: justCopy,
  inspect: justCopy,
  verify: justCopy,
  compact: justCopy,
  prune: justCopy,
  repopulate: copyAndExport,
};
