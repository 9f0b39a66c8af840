/** Figures of one phase from those of its runs. */

export const median = numbers => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

const figureOf = (pick, runs, figure) =>
  runs.every(run => typeof run[figure] === 'number') ? pick(runs.map(run => run[figure])) : undefined;

const medianOf = (runs, figure) => figureOf(median, runs, figure);

/** Memory is what a machine must have, so its peak is the highest of any run; so is the stall that users feel. */
const highestOf = (runs, figure) => figureOf(numbers => Math.max(...numbers), runs, figure);

export const summarize = runs => ({
  wall: medianOf(runs, 'wall'),
  cpu: medianOf(runs, 'cpu'),
  maxRSS: highestOf(runs, 'maxRSS'),
  stall: highestOf(runs, 'stall'),
  // Seconds for one unit of the phase's.
  perUnit: medianOf(runs, 'wall') / runs[0].units,
  cpuPerUnit: medianOf(runs, 'cpu') / runs[0].units,
  // Only phases that commit again and again have this one.
  commit: medianOf(
    runs.map(({ more }) => more),
    'commit',
  ),
});

/** What the work costs at the least, and how many times as long ours takes. */
export const summarizeLimit = (what, runs, ours) => {
  const wall = medianOf(runs, 'wall');
  return {
    what,
    wall,
    cpu: medianOf(runs, 'cpu'),
    // One pass over the same bytes, for phases that have to hash.
    sha256: medianOf(runs, 'sha256'),
    bytes: runs[0].bytes,
    timesLimit: ours.wall / wall,
    runs,
  };
};

/** How many times as fast ours is: the medians' ratio, and the lowest and highest of runs that came in pairs. */
export const compare = (ours, reference) => {
  const pairs = ours.map((run, i) => reference[i].wall / run.wall);
  const [our, their] = [summarize(ours), summarize(reference)];
  return {
    ratio: their.wall / our.wall,
    // On a machine with much else to do this one is steadier; work that is spread over threads gains nothing by it.
    cpu: their.cpu / our.cpu,
    // What is left for a faster program to win, the disk being what it is.
    outsideCommits: our.commit === undefined ? undefined : (their.wall - their.commit) / (our.wall - our.commit),
    lowest: Math.min(...pairs),
    highest: Math.max(...pairs),
  };
};
