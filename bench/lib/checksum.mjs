/**
 * A checksum over strings that is cheap enough to compute during a measurement: it uses each string's length, two of its
 * characters, and their order. Hashes, computed afterwards, detect all other differences.
 */
export const makeChecksum = () => {
  let count = 0;
  let sum = 0;
  return {
    add: text => {
      count += 1;
      const { length } = text;
      sum = (Math.imul(sum, 31) + length + (length && text.charCodeAt(length - 1) + text.charCodeAt(length >> 1))) | 0;
    },
    result: () => ({ count, sum }),
  };
};

/** The same for the arguments of an `exportCallback`. */
export const makeExportChecksum = () => {
  const exported = makeChecksum();
  const exportCallback = entries => {
    for (const [key, value] of entries) {
      exported.add(key);
      exported.add(value ?? '');
    }
  };
  return { exported, exportCallback };
};

/** The same for bytes at fixed offsets, so that the result does not depend on the chunks of a stream. */
export const makeByteChecksum = (step = 1024) => {
  let length = 0;
  let sum = 0;
  return {
    add: chunk => {
      for (let at = (step - (length % step)) % step; at < chunk.length; at += step) {
        sum = (Math.imul(sum, 31) + chunk[at]) | 0;
      }
      length += chunk.length;
    },
    result: () => ({ length, sum }),
  };
};
