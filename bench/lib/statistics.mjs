/** Figures of one phase from those of its runs. */

export const median = numbers => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

const medianOf = (runs, figure) =>
  runs.every(run => run[figure] !== undefined) ? median(runs.map(run => run[figure])) : undefined;

/** Memory is what a machine must have, so its peak is the highest of any run; so is the stall that users feel. */
const highestOf = (runs, figure) =>
  runs.every(run => run[figure] !== undefined) ? Math.max(...runs.map(run => run[figure])) : undefined;

export const summarize = runs => ({
  wall: medianOf(runs, 'wall'),
  cpu: medianOf(runs, 'cpu'),
  maxRSS: highestOf(runs, 'maxRSS'),
  stall: highestOf(runs, 'stall'),
  // Only phases that commit again and again have this one.
  commit: medianOf(
    runs.map(({ more }) => more),
    'commit',
  ),
});

/** How many times as fast ours is: the medians' ratio, and the lowest and highest of runs that came in pairs. */
export const compare = (ours, reference) => {
  const pairs = ours.map((run, i) => reference[i].wall / run.wall);
  const [our, their] = [summarize(ours), summarize(reference)];
  return {
    ratio: their.wall / our.wall,
    // What is left for a faster program to win, the disk being what it is.
    outsideCommits: our.commit === undefined ? undefined : (their.wall - their.commit) / (our.wall - our.commit),
    lowest: Math.min(...pairs),
    highest: Math.max(...pairs),
  };
};
