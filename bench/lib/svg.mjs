/** Results as a bar chart: a bar for each phase's ratio, its spread, and a mark at the ratio to reach. */

const [left, right, top, bottom] = [150, 150, 70, 40];
const [plotWidth, rowHeight, barHeight] = [520, 30, 16];

const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .quiet { fill: #59636e; font-size: 12px; }
  .back { fill: #ffffff; }
  .bar { fill: #2f6fb3; }
  .missed { fill: #b3632f; }
  .grid { stroke: #d1d9e0; }
  .spread { stroke: #1f2328; stroke-width: 1.5; }
  .goal { stroke: #1a7f37; stroke-width: 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .back { fill: #0d1117; }
    .bar { fill: #5b9fe3; }
    .missed { fill: #e39a5b; }
    .grid { stroke: #3d444d; }
    .spread { stroke: #f0f6fc; }
    .goal { stroke: #3fb950; }
  }`;

const escape = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const times = value => `${value.toFixed(value < 10 ? 1 : 0)}×`;
const at = value => value.toFixed(1);

/** A round distance between grid lines, of which there are to be about eight. */
const gridStep = highest => [1, 2, 5, 10, 20, 50, 100].find(step => highest / step <= 8) ?? 200;

/**
 * @param {{ name: string, goal: number, comparison: { ratio: number, lowest: number, highest: number } }[]} results
 * @param {string} subtitle
 */
export const makeChart = (results, subtitle) => {
  const highest = Math.max(...results.flatMap(({ goal, comparison }) => [goal, comparison.highest])) * 1.02;
  const x = value => left + (value / highest) * plotWidth;
  const height = top + results.length * rowHeight + bottom;
  const floor = height - bottom;
  const width = left + plotWidth + right;

  const grid = [];
  for (let value = 0; value <= highest; value += gridStep(highest)) {
    grid.push(
      `<line class="grid" x1="${at(x(value))}" y1="${top}" x2="${at(x(value))}" y2="${floor}"/>`,
      `<text class="quiet" x="${at(x(value))}" y="${floor + 18}" text-anchor="middle">${value}×</text>`,
    );
  }

  const rows = results.flatMap(({ name, goal, comparison: { ratio, lowest, highest: best } }, i) => {
    const y = top + i * rowHeight + (rowHeight - barHeight) / 2;
    const middle = y + barHeight / 2;
    const kind = ratio < goal ? 'bar missed' : 'bar';
    return [
      `<text x="${left - 10}" y="${middle + 4}" text-anchor="end">${escape(name)}</text>`,
      `<rect class="${kind}" x="${left}" y="${y}" width="${at(x(ratio) - left)}" height="${barHeight}"/>`,
      `<line class="spread" x1="${at(x(lowest))}" y1="${middle}" x2="${at(x(best))}" y2="${middle}"/>`,
      `<line class="goal" x1="${at(x(goal))}" y1="${y - 4}" x2="${at(x(goal))}" y2="${y + barHeight + 4}"/>`,
      `<text x="${left + plotWidth + 10}" y="${middle + 4}">${times(ratio)} of ${times(goal)}</text>`,
    ];
  });

  const title = 'How many times as fast as the reference';
  const legend = `${subtitle}. Thin line: spread of the runs. Green mark: the ratio to reach. Orange: not reached.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${title}</title>`,
    `<style>${style}\n</style>`,
    `<rect class="back" width="${width}" height="${height}"/>`,
    `<text class="title" x="16" y="28">${title}</text>`,
    `<text class="quiet" x="16" y="48">${escape(legend)}</text>`,
    ...grid,
    ...rows,
    '</svg>\n',
  ].join('\n');
};
