// Writes heap images to files, and hashes them.

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Writable } from 'node:stream';

/** A stream that discards what it gets. */
const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });

/**
 * Reads a heap image to its end.
 *
 * @param {AsyncIterable<Uint8Array>} chunks
 * @param {string} [file] a new file to write it to, which exists only if all of the image is in it
 * @returns {Promise<{ snapshotID: string, size: number }>} its SHA-256 and its size in bytes
 */
export const readImage = async (chunks, file) => {
  const hash = createHash('sha256');
  let size = 0;
  const observe = async function* observe() {
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  const unfinished = file === undefined ? undefined : `${file}.unfinished-${process.pid}`;
  try {
    await pipeline(observe, unfinished ? createWriteStream(unfinished, { flags: 'wx', mode: 0o600 }) : nowhere());
    if (unfinished) await rename(unfinished, file);
  } finally {
    if (unfinished) await rm(unfinished, { force: true });
  }
  return { snapshotID: hash.digest('hex'), size };
};
