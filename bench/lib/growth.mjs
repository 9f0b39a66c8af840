/** Measures the cost of an operation, and memory, in a small store and in a large one. */
import { both, duration, megabytes, times } from './format.mjs';
import { ours, reference } from './implementations.mjs';

const multiply = (sizes, factor) =>
  Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, Math.ceil(size * factor)]));

/**
 * Runs a phase at both sizes.
 *
 * @param {(phase: object, say: (text: string) => void, sizes: object) => Promise<object>} runPhase
 * @param {import('./phases.mjs').Phase} phase
 * @param {(text: string) => void} say
 * @param {number} scale multiplies all sizes
 */
export const measureGrowth = async (runPhase, phase, say, scale) => {
  const { sizes, fixed = {}, factor } = phase.growth;
  const at = multiple => {
    const grown = multiply(sizes, multiple * scale);
    return runPhase(phase, text => say(`${text} (${multiple} times the data)`), { ...grown, ...fixed });
  };
  const [small, large] = [await at(1), await at(factor)];
  return { name: phase.name, unit: phase.unit, grows: Object.keys(sizes), factor, small, large };
};

const ratioOf =
  (implementation, figure) =>
  ({ small, large }) =>
    large[implementation][figure] / small[implementation][figure];

const added =
  implementation =>
  ({ small, large }) =>
    large[implementation].maxRSS - small[implementation].maxRSS;

/** Pairs are reference / ours, as in the other table. */
const pair = (show, figureOf) => it => [reference, ours].map(who => show(figureOf(who)(it))).join(' / ');

const columns = [
  ['phase', it => it.name],
  ['data', it => `${it.factor}x`],
  ['cost of one', it => it.unit],
  ['small', it => both(duration, it.small, 'perUnit')],
  ['large', it => both(duration, it.large, 'perUnit')],
  [
    'cost grows',
    pair(
      value => value.toFixed(2),
      who => ratioOf(who, 'perUnit'),
    ),
  ],
  [
    'CPU grows',
    pair(
      value => value.toFixed(2),
      who => ratioOf(who, 'cpuPerUnit'),
    ),
  ],
  ['ratio', it => `${times(it.small.comparison.ratio)} / ${times(it.large.comparison.ratio)}`],
  ['memory, small, MB', it => both(megabytes, it.small, 'maxRSS')],
  ['memory, large, MB', it => both(megabytes, it.large, 'maxRSS')],
  ['memory grows by, MB', pair(megabytes, added)],
];

const wasRun = ({ small }) => !small.skipped;

export const growthRows = results => ({
  head: columns.map(([title]) => title),
  rows: results.filter(wasRun).map(result => columns.map(([, show]) => show(result))),
});

export const growthNotes = results =>
  results.map(({ name, grows, factor, small, large }) => {
    if (small.skipped) return `${name} was not run: ${small.skipped}`;
    const sizes = grows.map(size => `${size} ${small.sizes[size]} and ${large.sizes[size]}`).join(', ');
    return `${name}, ${factor} times the data: ${sizes}`;
  });

export const growthLegend =
  'Costs are medians of wall time for one unit; growth is that of wall and CPU time; memory is the highest peak.\n' +
  'Pairs are reference / ours, except for the ratio of their times, which is small / large.';
