/** The sizes of a phase's input and work, according to `--scale` and `--size`. */

/** Marks a size that `--scale` does not change: other sizes of its phase change instead. */
export const fixed = value => ({ fixed: value });

const whole = value => Math.max(1, Math.round(value));

/**
 * @param {Record<string, number | { fixed: number }>} sizes a phase's own sizes
 * @param {number} scale
 * @param {Record<string, number>} [wanted] sizes that replace them, ignoring the scale
 * @returns {Record<string, number>}
 */
export const resolveSizes = (sizes, scale, wanted = {}) =>
  Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [name, wanted[name] ?? size.fixed ?? whole(size * scale)]),
  );

/** Lists the phases' sizes for `--help`. */
export const describeSizes = phases =>
  phases
    .map(({ name, sizes }) => {
      const each = Object.entries(sizes).map(([size, value]) => `${size}=${value.fixed ?? value}`);
      return `  ${name.padEnd(18)}${each.join(' ')}`;
    })
    .join('\n');

/**
 * Parses `PHASE.SIZE=N` or, for a phase's first size, `PHASE=N`.
 *
 * @param {string} text
 * @param {{ name: string, sizes: Record<string, unknown> }[]} phases
 * @returns {{ phase: string, size: string, value: number } | string} a string describes an error
 */
export const readSize = (text, phases) => {
  const [, name, size, number] = /^([a-z-]+)(?:\.(\w+))?=([\d_]+)$/.exec(text) ?? [];
  if (name === undefined) return `--size must be PHASE.SIZE=N, not ${text}`;
  const phase = phases.find(it => it.name === name);
  if (!phase) return `there is no phase ${name}`;
  const names = Object.keys(phase.sizes);
  const chosen = size ?? names[0];
  if (!names.includes(chosen)) return `${name} has no size ${chosen}; its sizes are ${names.join(', ')}`;
  const value = Number(number.replaceAll('_', ''));
  return value > 0 ? { phase: name, size: chosen, value } : `--size must be a number above 0, not ${number}`;
};
