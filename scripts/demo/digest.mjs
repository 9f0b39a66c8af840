/** Digests by which stores are compared: hashes of the export data and of every artifact. */
import { createHash } from 'node:crypto';

/**
 * @param {object} swingStore the package that reads the store
 * @param {string} storeDir
 * @param {string} artifactMode
 * @param {(done: number) => void} [onProgress] called after each artifact
 * @returns {Promise<{ entries: number, data: string, artifacts: Record<string, string> }>} the number of export-data
 *   entries, their hash, and the hash of each artifact by name
 */
export const digest = async ({ makeSwingStoreExporter }, storeDir, artifactMode, onProgress = () => {}) => {
  const exporter = makeSwingStoreExporter(storeDir, { artifactMode });
  try {
    let entries = 0;
    const data = createHash('sha256');
    for await (const entry of exporter.getExportData()) {
      entries += 1;
      data.update(`${JSON.stringify(entry)}\n`);
    }
    const artifacts = {};
    let done = 0;
    for await (const name of exporter.getArtifactNames()) {
      const hash = createHash('sha256');
      for await (const chunk of exporter.getArtifact(name)) hash.update(chunk);
      artifacts[name] = hash.digest('hex');
      done += 1;
      onProgress(done);
    }
    return { entries, data: data.digest('hex'), artifacts };
  } finally {
    await exporter.close();
  }
};

/** The differences of two digests, one line each. */
export const differences = (expected, found) => {
  const lines = [];
  if (expected.entries !== found.entries) {
    lines.push(`export data: ${found.entries} entries instead of ${expected.entries}`);
  } else if (expected.data !== found.data) {
    lines.push('export data: different keys or values');
  }
  for (const [name, hash] of Object.entries(expected.artifacts)) {
    if (!(name in found.artifacts)) lines.push(`${name}: missing`);
    else if (found.artifacts[name] !== hash) lines.push(`${name}: other bytes`);
  }
  for (const name of Object.keys(found.artifacts)) {
    if (!(name in expected.artifacts)) lines.push(`${name}: unexpected`);
  }
  return lines;
};
