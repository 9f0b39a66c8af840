/** Formats figures as text. */

export const seconds = value => value.toFixed(value < 1 ? 3 : 2);
export const milliseconds = value => (value * 1e3).toFixed(0);
export const megabytes = value => (value / 1e6).toFixed(0);
export const times = (value, mark = 'x') => `${value.toFixed(value < 10 ? 1 : 0)}${mark}`;

/** A duration in a suitable unit. */
export const duration = value => {
  const [factor, unit] = [
    [1, 's'],
    [1e3, 'ms'],
    [1e6, 'µs'],
  ].find(([each]) => value * each >= 1) ?? [1e6, 'µs'];
  const number = value * factor;
  return `${number.toFixed(number < 10 ? 2 : number < 100 ? 1 : 0)} ${unit}`;
};

/** The values of a figure for both implementations, the reference's first, or for the only one that ran. */
export const both = (format, { reference, ours }, figure) =>
  [reference, ours]
    .filter(summary => summary?.[figure] !== undefined)
    .map(summary => format(summary[figure]))
    .join(' / ');
