/**
 * A sum over strings that is cheap enough to take while the clock runs: it looks at each one's length and at two of its
 * characters, and at their order. What it can't see is left to hashes, which are taken afterwards.
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

/** The same for what an `exportCallback` is given. */
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

/** The same for bytes, at fixed offsets, so that it does not matter where a stream is cut into chunks. */
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
