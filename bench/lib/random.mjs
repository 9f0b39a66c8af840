/** Pseudo-random numbers that are the same in every run, so that both implementations get the same work. */

/** @param {number} seed */
export const makeRandom = seed => {
  let state = seed >>> 0;

  /** An integer from 0 to 2³² - 1 (the mulberry32 generator). */
  const uint32 = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };

  /** An integer from 0 to `limit - 1`. */
  const below = limit => Math.floor((uint32() / 2 ** 32) * limit);

  const chance = probability => uint32() < probability * 2 ** 32;
  const pick = list => list[below(list.length)];

  return { uint32, below, chance, pick };
};
