/**
 * Makes a bundle in the archive format (`endoZipBase64`) of one module, as a bundler would: an uncompressed zip file with
 * the module and a compartment map that has the module's hash.
 */
import { createHash } from 'node:crypto';

const sha512 = bytes => createHash('sha512').update(bytes).digest('hex');

/** The checksum of zip files (CRC-32). */
const crc32 = bytes => {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
};

/** Encodes numbers in little-endian order, from pairs of a size in bytes and a number. */
const fields = (...pairs) => {
  const bytes = Buffer.alloc(pairs.reduce((sum, [size]) => sum + size, 0));
  let at = 0;
  for (const [size, value] of pairs) at = bytes.writeUIntLE(value, at, size);
  return bytes;
};

const version = [2, 10];
const [flags, method, time] = [
  [2, 0],
  [2, 0],
  [2, 0],
];
const date = [2, 0x21];

/** Makes a zip file from contents by name. */
const zip = files => {
  const local = [];
  const directory = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const nameBytes = Buffer.from(name);
    const size = [4, content.length];
    const described = [version, flags, method, time, date, [4, crc32(content)], size, size];
    const header = [...described, [2, nameBytes.length], [2, 0]];
    const entry = Buffer.concat([fields([4, 0x04034b50], ...header), nameBytes, content]);
    const place = [
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, offset],
    ];
    directory.push(fields([4, 0x02014b50], version, ...header, ...place), nameBytes);
    local.push(entry);
    offset += entry.length;
  }
  const index = Buffer.concat(directory);
  const count = Object.keys(files).length;
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, index.length], [4, offset], [2, 0]);
  return Buffer.concat([...local, index, end]);
};

/**
 * @param {string} name the name of the module's package
 * @param {unknown} data what the module, a JSON module, exports
 * @returns {{ bundleID: string, bundle: object }}
 */
export const makeArchiveBundle = (name, data) => {
  const content = Buffer.from(JSON.stringify(data));
  const compartment = `${name}-v1.0.0`;
  const module = { location: 'data.json', parser: 'json', sha512: sha512(content) };
  const modules = { './data.json': module };
  const compartmentMap = {
    tags: [],
    entry: { compartment, module: './data.json' },
    compartments: { [compartment]: { name, label: compartment, location: compartment, modules } },
  };
  const map = Buffer.from(JSON.stringify(compartmentMap));
  const endoZipBase64Sha512 = sha512(map);
  const bytes = zip({ 'compartment-map.json': map, [`${compartment}/data.json`]: content });
  return {
    bundleID: `b1-${endoZipBase64Sha512}`,
    bundle: { moduleFormat: 'endoZipBase64', endoZipBase64: bytes.toString('base64'), endoZipBase64Sha512 },
  };
};
