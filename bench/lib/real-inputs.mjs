/** Inputs of phases from an existing store, for `--real`. */
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { exportWhole, writeImages } from './inputs.mjs';
import { storeIn } from './paths.mjs';

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
  'snapshot-save': extractImages,
  'snapshot-load': justCopy,
  'export-data': justCopy,
  verify: justCopy,
  compact: justCopy,
  prune: justCopy,
};
