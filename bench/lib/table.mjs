/** Results for a terminal. */
import Table from 'cli-table3';

const seconds = value => value.toFixed(value < 1 ? 3 : 2);
const milliseconds = value => (value * 1e3).toFixed(0);
const megabytes = value => (value / 1e6).toFixed(0);
const times = value => `${value.toFixed(value < 10 ? 1 : 0)}x`;

/** Two values of the same figure, or of the one implementation that ran. */
const both = (format, { reference, ours }, figure) =>
  [reference, ours]
    .filter(summary => summary?.[figure] !== undefined)
    .map(summary => format(summary[figure]))
    .join(' / ');

const ratioText = ({ comparison }) => {
  if (!comparison) return '';
  const { ratio, lowest, highest } = comparison;
  return `${times(ratio)} (${times(lowest)}–${times(highest)})`;
};

const goalText = ({ goal, comparison }) => {
  if (!comparison) return times(goal);
  return `${times(goal)} ${comparison.ratio >= goal ? 'reached' : 'missed'}`;
};

const row = result => [
  result.name,
  result.reference ? seconds(result.reference.wall) : '',
  result.ours ? seconds(result.ours.wall) : '',
  ratioText(result),
  goalText(result),
  both(seconds, result, 'cpu'),
  both(seconds, result, 'commit'),
  both(megabytes, result, 'maxRSS'),
  both(milliseconds, result, 'stall'),
];

const head = [
  ...['phase', 'reference, s', 'ours, s', 'ratio (spread)', 'to reach'],
  ...['CPU, s', 'in commits, s', 'memory, MB', 'stall, ms'],
];
const colAligns = head.map((_, i) => (i === 0 ? 'left' : 'right'));

export const formatTable = results => {
  const table = new Table({ head, colAligns, style: { head: [], border: [], compact: true } });
  for (const result of results) table.push(row(result));
  return table.toString();
};

/** What compression came to, a line for each implementation that compressed. */
export const formatCompression = results => {
  const lines = [];
  for (const { name, figures } of results) {
    for (const [implementation, figure] of Object.entries(figures)) {
      if (figure.compressed === undefined) continue;
      const { uncompressed, compressed, zlibLevel6 } = figure;
      const percent = (compressed / zlibLevel6 - 1) * 100;
      const amount = `${Math.abs(percent).toFixed(1)} % ${percent < 0 ? 'less than' : 'more than'}`;
      const difference = compressed === zlibLevel6 ? 'just' : amount;
      lines.push(
        `${name}, ${implementation}: ${megabytes(uncompressed)} MB became ${(compressed / 1e6).toFixed(2)} MB ` +
          `(${(uncompressed / compressed).toFixed(2)}:1), ${difference} what zlib at level 6 makes of it ` +
          `(${(zlibLevel6 / 1e6).toFixed(2)} MB, ${(uncompressed / zlibLevel6).toFixed(2)}:1)`,
      );
    }
  }
  return lines.join('\n');
};
