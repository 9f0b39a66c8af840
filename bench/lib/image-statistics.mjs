/** What a compressor sees in a heap image. */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

/** Entropy in bits of a distribution that is given by its counts. */
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

/** How often each sequence of so many bytes, up to three, occurs. */
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

/** The parts of all bytes that each value makes up. */
const histogram = image => Array.from(countSequences(image, 1), count => count / image.length);

const cpuSeconds = work => {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { result, seconds: (user + system) / 1e6 };
};

/**
 * Figures of one image: bits for a byte given the 0, 1 or 2 before it; how far zlib gets without matches, with matches
 * at a distance of one only, and at some of its levels; and what level 6 takes, since the time tells how long the chains
 * are that it follows.
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

/** Half the sum of the differences: 0 for the same, 1 for what has nothing in common. */
export const histogramDistance = (a, b) => a.reduce((sum, part, value) => sum + Math.abs(part - b[value]), 0) / 2;
