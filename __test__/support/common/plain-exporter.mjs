// An export as plain data: read from an exporter, possibly changed, and used as an exporter that records its calls.
import { Buffer } from 'node:buffer';

/** @param {any} exporter */
export const readPlain = async exporter => {
  const data = [];
  for await (const [key, value] of exporter.getExportData()) {
    data.push([key, value]);
  }
  const artifacts = [];
  for await (const name of exporter.getArtifactNames()) {
    const chunks = [];
    for await (const chunk of exporter.getArtifact(name)) {
      chunks.push(chunk);
    }
    artifacts.push([name, Buffer.concat(chunks)]);
  }
  await exporter.close();
  return { data, artifacts };
};

const cut = (bytes, size) => {
  if (!size || bytes.length / size > 2000) return [bytes];
  const chunks = [];
  for (let i = 0; i < bytes.length; i += size) {
    chunks.push(bytes.subarray(i, i + size));
  }
  return chunks;
};

const inStyle = (items, style) => {
  const makers = {
    array: () => items,
    *generator() {
      yield* items;
    },
    async *asyncGenerator() {
      yield* items;
    },
  };
  return makers[style]();
};

/**
 * @param {{ data: any[][], artifacts: any[][], names?: string[] }} plain `names` replaces the list of artifacts
 * @param {{ style?: string, chunkSize?: number, closeFails?: boolean }} [how]
 */
export const makePlainExporter = (plain, how = {}) => {
  const { style = 'asyncGenerator', chunkSize = 0, closeFails = false } = how;
  const { data, artifacts } = plain;
  const names = plain.names || artifacts.map(([name]) => name);
  const content = new Map(artifacts);
  const calls = { getExportData: 0, getArtifactNames: 0, artifacts: [], close: 0 };
  const exporter = {
    getHostKV: () => undefined,
    getExportData() {
      calls.getExportData += 1;
      return inStyle(data, style);
    },
    getArtifactNames() {
      calls.getArtifactNames += 1;
      return inStyle(names, style);
    },
    getArtifact(name) {
      calls.artifacts.push(name);
      if (!content.has(name)) throw Error(`there is no artifact ${name}`);
      return inStyle(cut(content.get(name), chunkSize), style);
    },
    async close() {
      calls.close += 1;
      if (closeFails) throw Error('the exporter will not close');
    },
  };
  return { exporter, calls };
};
