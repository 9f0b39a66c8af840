/** Presents results as a table with notes. */
import { both, duration, megabytes, milliseconds, seconds, times } from './format.mjs';

/** The longest acceptable stall of the event loop, in seconds. */
const stallTarget = 0.05;

const ratioText = ({ comparison }) => {
  if (!comparison) return '';
  const { ratio, lowest, highest } = comparison;
  return `${times(ratio)} (${times(lowest)}–${times(highest)})`;
};

/** A goal, and whether it is reached, if that is known. */
const outcome = (text, isReached) => (isReached === undefined ? text : `${text} ${isReached ? 'reached' : 'missed'}`);

const goalText = ({ goal, limitGoal, comparison, limit }) =>
  [
    goal && outcome(times(goal), comparison && comparison.ratio >= goal),
    limitGoal && outcome(`${limitGoal} x limit`, limit && limit.timesLimit <= limitGoal),
  ]
    .filter(Boolean)
    .join(', ');

const orEmpty = (format, value) => (value === undefined ? '' : format(value));

const columns = [
  ['phase', it => it.name],
  ['reference, s', it => orEmpty(seconds, it.reference?.wall)],
  ['ours, s', it => orEmpty(seconds, it.ours?.wall)],
  ['ratio (spread)', it => (it.skipped ? 'not run' : ratioText(it))],
  ['to reach', goalText],
  ['CPU, s', it => both(seconds, it, 'cpu')],
  ['in commits, s', it => both(seconds, it, 'commit')],
  ['without commits', it => orEmpty(times, it.comparison?.outsideCommits)],
  ['limit, s', it => orEmpty(seconds, it.limit?.wall)],
  ['x limit', it => orEmpty(value => value.toFixed(2), it.limit?.timesLimit)],
  ['memory, MB', it => both(megabytes, it, 'maxRSS')],
  ['read, MB', it => both(megabytes, it, 'read')],
  ['written, MB', it => both(megabytes, it, 'written')],
  ['stall, ms', it => both(milliseconds, it, 'stall')],
];

/** Makes a table with a row for each phase, without empty columns. */
export const resultRows = results => {
  const cells = columns.map(([title, show]) => [title, results.map(show)]);
  const filled = cells.filter(([, column]) => column.some(text => text !== ''));
  return {
    head: filled.map(([title]) => title),
    rows: results.map((_, i) => filled.map(([, column]) => column[i])),
  };
};

const compressionNotes = ({ name, figures }) =>
  Object.entries(figures ?? {})
    .filter(([, figure]) => figure.compressed !== undefined)
    .map(([implementation, { uncompressed, compressed, zlibLevel6 }]) => {
      const percent = (compressed / zlibLevel6 - 1) * 100;
      const amount = `${Math.abs(percent).toFixed(1)} % ${percent < 0 ? 'less than' : 'more than'}`;
      const difference = compressed === zlibLevel6 ? 'just' : amount;
      return (
        `${name}, ${implementation}: ${megabytes(uncompressed)} MB became ${(compressed / 1e6).toFixed(2)} MB ` +
        `(${(uncompressed / compressed).toFixed(2)}:1), ${difference} what zlib at level 6 makes of it ` +
        `(${(zlibLevel6 / 1e6).toFixed(2)} MB, ${(uncompressed / zlibLevel6).toFixed(2)}:1)`
      );
    });

const partNotes = ({ name, parts = [] }) =>
  parts.map(({ part, goal, ours, reference, ratio }) => {
    const toReach = goal === 0 ? '' : `, ${times(goal)} ${ratio >= goal ? 'reached' : 'missed'}`;
    return `${name}, ${part}: ${duration(reference)} / ${duration(ours)}, ${times(ratio)}${toReach}`;
  });

/** What else a phase of this package alone reports. */
const figureNotes = ({ name, figures }) =>
  Object.entries(figures?.ours?.facts ?? {}).map(([fact, value]) => `${name}, ${fact}: ${value}`);

const limitNote = ({ name, parts, limit }) => {
  const { what, sha256, sync, host, medianTransaction, slowTransaction } = limit;
  const consists = limit.parts.map(({ part, wall }) => `${part} ${seconds(wall)} s`).join(', ');
  const others = [
    sha256 !== undefined && `one pass of SHA-256 over the same bytes takes another ${seconds(sha256)} s`,
    sync !== undefined && `waiting for the disk takes another ${seconds(sync)} s`,
    // Phases with parts tell how long their blocks take.
    parts !== undefined &&
      `the transaction of the median block takes ${duration(medianTransaction)}, of the 99th percentile ${duration(slowTransaction)}`,
    host && `${host.what} alone takes ${seconds(host.wall)} s`,
    host?.medianBlock !== undefined && `in the median block, it takes ${duration(host.medianBlock)}`,
  ].filter(Boolean);
  return [`limit of ${name}: ${what}${consists && ` (${consists})`}`, ...others].join('; ');
};

const stallNotes = results =>
  results
    .filter(({ ours }) => ours?.stall > stallTarget)
    .map(({ name, ours }) => `${name}: the event loop stalled for ${milliseconds(ours.stall)} ms, which is too long`);

/** Makes the notes below the table. */
export const resultNotes = results => [
  ...results.filter(({ skipped }) => skipped).map(({ name, skipped }) => `${name} was not run: ${skipped}`),
  ...results.flatMap(partNotes),
  ...results.flatMap(figureNotes),
  ...results.flatMap(compressionNotes),
  ...stallNotes(results),
  ...results.filter(({ limit }) => limit).map(limitNote),
];

export const resultLegend =
  'Times are medians of wall or CPU time; memory and stalls of the event loop are the highest of any run.\n' +
  'Pairs are reference / ours; the spread is the range of the ratios of paired runs.\n' +
  `A stall must stay below ${milliseconds(stallTarget)} ms. "Without commits" is the ratio of the times outside commits.`;
