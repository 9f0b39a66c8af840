/** Statistics of heap images that determine how they compress. */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

/** The entropy, in bits, of a distribution given by counts. */
const entropyOf = counts => {
  let total = 0;
  let sum = 0;
  for (const count of counts) {
    if (count === 0) continue;
    total += count;
    sum += count * Math.log2(count);
  }
  return Math.log2(total) - sum / total;
};

/** Counts each sequence of one, two or three bytes. */
const countSequences = (image, length) => {
  const counts = new Uint32Array(256 ** length);
  const mask = counts.length - 1;
  let key = 0;
  for (let at = 0; at < image.length; at += 1) {
    key = ((key << 8) | image[at]) & mask;
    if (at >= length - 1) counts[key] += 1;
  }
  return counts;
};

/** The fraction of each byte value. */
const histogram = image => Array.from(countSequences(image, 1), count => count / image.length);

const cpuSeconds = work => {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { result, seconds: (user + system) / 1e6 };
};

/**
 * Computes the statistics of one image: the entropy of a byte given the 0, 1 or 2 bytes before it; zlib's ratios without
 * matches, with matches at distance one only, and at some levels; and the time of level 6, which depends on the length of
 * its match chains.
 *
 * @param {Buffer} image
 */
export const imageStatistics = image => {
  const [one, two, three] = [1, 2, 3].map(length => entropyOf(countSequences(image, length)));
  const ratio = options => image.length / deflateRawSync(image, options).length;
  const deflated = cpuSeconds(() => deflateRawSync(image, { level: 6 }));
  const inflated = cpuSeconds(() => inflateRawSync(deflated.result));
  const perByte = ({ seconds }) => (seconds / image.length) * 1e9;
  return {
    figures: {
      'entropy, order 0': one,
      'entropy, order 1': two - one,
      'entropy, order 2': three - two,
      'ratio without matches': ratio({ strategy: constants.Z_HUFFMAN_ONLY }),
      'ratio with runs only': ratio({ strategy: constants.Z_RLE }),
      'ratio at level 1': ratio({ level: 1 }),
      'ratio at level 6': image.length / deflated.result.length,
      'ratio at level 9': ratio({ level: 9 }),
      'level 6, ns for a byte': perByte(deflated),
      'decompression, ns for a byte': perByte(inflated),
      'bytes that are zero, %': histogram(image)[0] * 100,
    },
    histogram: histogram(image),
  };
};

/** Half the sum of the absolute differences: 0 for equal distributions, 1 for disjoint ones. */
export const histogramDistance = (a, b) => a.reduce((sum, part, value) => sum + Math.abs(part - b[value]), 0) / 2;
