// Artifacts as plain data: read from a directory, possibly changed, and offered by an exporter.
import fs from 'node:fs';
import path from 'node:path';

import { readFiles, writeAsCosmic } from '../common/cosmic-directory.mjs';
import { reference } from '../common/implementations.mjs';

/** All artifacts that the reference exports from a store, by name. */
export const exportedByReference = async (dir, artifactMode) => {
  const to = fs.mkdtempSync(`${dir}-export-`);
  try {
    await writeAsCosmic(reference.api, dir, to, { artifactMode, exportDataMode: 'all' });
    return readFiles(to);
  } finally {
    fs.rmSync(to, { recursive: true });
  }
};

/** The artifacts in a directory, by name. */
export const readArtifacts = dir =>
  new Map(
    fs
      .readdirSync(dir)
      .filter(name => /^(transcript|snapshot|bundle)\./.test(name))
      .map(name => [name, fs.readFileSync(path.join(dir, name))]),
  );

/** @param {Iterable<[string, any]>} artifacts names, with contents or functions that return a stream */
export const offer = artifacts => {
  const all = new Map(artifacts);
  return {
    closed: 0,
    async *getArtifactNames() {
      yield* all.keys();
    },
    getArtifact(name) {
      const contents = all.get(name);
      return typeof contents === 'function' ? contents() : [contents];
    },
    async close() {
      this.closed += 1;
    },
  };
};
