/**
 * Draws results as a bar chart: for each phase a bar for the ratio, a line for its spread, and a mark at the goal. The scale
 * is logarithmic and bars begin at 1, so that bars for twice and half the speed have the same length.
 */
import { times } from './format.mjs';

const [left, right, top, bottom] = [150, 130, 96, 40];
const [plotWidth, rowHeight, barHeight] = [560, 30, 16];

const style = `
  text { font: 13px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .quiet { fill: #59636e; font-size: 12px; }
  .back { fill: #ffffff; }
  .bar { fill: #2f6fb3; }
  .missed { fill: #b3632f; }
  .grid { stroke: #d1d9e0; }
  .even { stroke: #59636e; stroke-width: 1.5; }
  .spread { stroke: #1f2328; stroke-width: 1.5; }
  .goal { stroke: #1a7f37; stroke-width: 3; }
  .halo { stroke: #ffffff; stroke-width: 6; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .back { fill: #0d1117; }
    .bar { fill: #5b9fe3; }
    .missed { fill: #e39a5b; }
    .grid { stroke: #3d444d; }
    .even { stroke: #9198a1; }
    .spread { stroke: #f0f6fc; }
    .goal { stroke: #3fb950; }
    .halo { stroke: #0d1117; }
  }`;

const escape = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const at = value => value.toFixed(1);

/** The possible positions of grid lines. */
const gridValues = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/**
 * @param {{ name: string, goal?: number, comparison: { ratio: number, lowest: number, highest: number } }[]} results
 * @param {string[]} subtitle its lines
 */
export const makeChart = (results, subtitle) => {
  const values = results.flatMap(({ goal = 1, comparison: { lowest, highest } }) => [goal, lowest, highest]);
  const least = Math.min(0.9, ...values.map(value => value * 0.9));
  const most = Math.max(2, ...values) * 1.1;
  const x = value => left + (Math.log(value / least) / Math.log(most / least)) * plotWidth;
  const height = top + results.length * rowHeight + bottom;
  const floor = height - bottom;
  const width = left + plotWidth + right;

  const grid = gridValues
    .filter(value => value >= least && value <= most)
    .flatMap(value => [
      `<line class="${value === 1 ? 'even' : 'grid'}" x1="${at(x(value))}" y1="${top}" x2="${at(x(value))}" y2="${floor}"/>`,
      `<text class="quiet" x="${at(x(value))}" y="${floor + 18}" text-anchor="middle">${value}×</text>`,
    ]);

  const rows = results.flatMap(({ name, goal, comparison: { ratio, lowest, highest } }, i) => {
    const y = top + i * rowHeight + (rowHeight - barHeight) / 2;
    const middle = y + barHeight / 2;
    const kind = goal !== undefined && ratio < goal ? 'bar missed' : 'bar';
    const label = goal === undefined ? times(ratio, '×') : `${times(ratio, '×')}, goal ${times(goal, '×')}`;
    const [from, to] = [x(Math.min(1, ratio)), x(Math.max(1, ratio))];
    return [
      `<text x="${left - 10}" y="${middle + 4}" text-anchor="end">${escape(name)}</text>`,
      `<rect class="${kind}" x="${at(from)}" y="${y}" width="${at(to - from)}" height="${barHeight}"/>`,
      `<line class="spread" x1="${at(x(lowest))}" y1="${middle}" x2="${at(x(highest))}" y2="${middle}"/>`,
      // Outlined in the background's colour, so that it is visible on a bar.
      ...(goal === undefined ? [] : ['halo', 'goal']).map(
        mark =>
          `<line class="${mark}" x1="${at(x(goal))}" y1="${y - 4}" x2="${at(x(goal))}" y2="${y + barHeight + 4}"/>`,
      ),
      `<text x="${left + plotWidth + 10}" y="${middle + 4}">${label}</text>`,
    ];
  });

  const title = 'How many times as fast as the reference';
  const legend = 'Thin line: spread of the runs. Green mark: the goal. Orange: goal missed. Logarithmic scale.';
  const lines = [...subtitle, legend].map(
    (line, i) => `<text class="quiet" x="16" y="${46 + i * 17}">${escape(line)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${title}</title>`,
    `<style>${style}\n</style>`,
    `<rect class="back" width="${width}" height="${height}"/>`,
    `<text class="title" x="16" y="26">${title}</text>`,
    ...lines,
    ...grid,
    ...rows,
    '</svg>\n',
  ].join('\n');
};
