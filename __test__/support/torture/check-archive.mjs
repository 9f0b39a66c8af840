// Checks whether an archive has everything that a killed store has archived.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const sha256 = data => createHash('sha256').update(data).digest('hex');

/** Computes the hash of a span from the bytes of its artifact. */
const spanHash = bytes => {
  let hash = sha256('start of transcript span');
  const items = bytes.toString('utf8').split('\n').slice(0, -1);
  for (const item of items) hash = sha256(`${hash}${sha256(item)}`);
  return hash;
};

const hashOf = (name, bytes) => (name.startsWith('snapshot.') ? sha256(bytes) : spanHash(bytes));

/** The names and hashes that the archive must have according to a store's records. */
const expectedIn = records =>
  records
    .filter(([key, value]) => /^(snapshot|transcript)\./.test(key) && value.startsWith('{'))
    .map(([, value]) => JSON.parse(value))
    .filter(({ isCurrent, snapPos }) => snapPos !== undefined || !isCurrent)
    .map(({ vatID, snapPos, startPos, endPos, hash }) => [
      snapPos === undefined ? `transcript.${vatID}.${startPos}.${endPos}` : `snapshot.${vatID}.${snapPos}`,
      hash,
    ]);

/**
 * Makes a function that checks, given a store's export records, whether an archive has each ended span and each snapshot,
 * and whether its files are intact. The function returns the number of unfinished files. It rereads changed files only.
 *
 * @param {string} dir
 */
export const makeArchiveCheck = dir => {
  /** @type {Map<string, { stamp: string, hash: string }>} */
  const read = new Map();
  return records => {
    const names = fs.existsSync(dir) ? fs.readdirSync(dir) : [];
    const files = names.filter(name => name.endsWith('.gz'));
    for (const file of files) {
      const { ino, size, mtimeMs } = fs.statSync(path.join(dir, file));
      const stamp = `${ino} ${size} ${mtimeMs}`;
      if (read.get(file)?.stamp === stamp) continue;
      const bytes = gunzipSync(fs.readFileSync(path.join(dir, file)));
      read.set(file, { stamp, hash: hashOf(file, bytes) });
    }
    for (const [name, hash] of expectedIn(records)) {
      const found = files.includes(`${name}.gz`) && read.get(`${name}.gz`).hash;
      if (found !== hash) throw Error(`the archive has ${found ? 'something else for' : 'no'} ${name}`);
    }
    return names.length - files.length;
  };
};
