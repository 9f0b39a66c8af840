/** Computes a phase's figures from those of its runs. */

export const median = numbers => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The smallest number that is not below `percent` percent of all. */
export const percentile = (numbers, percent) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)];
};

const figureOf = (pick, runs, figure) =>
  runs.every(run => typeof run[figure] === 'number') ? pick(runs.map(run => run[figure])) : undefined;

const medianOf = (runs, figure) => figureOf(median, runs, figure);

/** Memory and stalls are the highest of any run: a machine must have that memory, and users notice the longest stall. */
const highestOf = (runs, figure) => figureOf(numbers => Math.max(...numbers), runs, figure);

export const summarize = runs => ({
  wall: medianOf(runs, 'wall'),
  cpu: medianOf(runs, 'cpu'),
  maxRSS: highestOf(runs, 'maxRSS'),
  stall: highestOf(runs, 'stall'),
  read: medianOf(runs, 'read'),
  written: medianOf(runs, 'written'),
  // In seconds for one of the phase's units.
  perUnit: medianOf(runs, 'wall') / runs[0].units,
  cpuPerUnit: medianOf(runs, 'cpu') / runs[0].units,
  // Only phases that commit repeatedly have this figure.
  commit: medianOf(
    runs.map(({ more }) => more),
    'commit',
  ),
});

/** The times of the named parts of a phase, and the ratios of the reference's to ours. A goal of 0 means none. */
export const compareParts = (goals, ours, reference) =>
  Object.entries(goals).map(([part, goal]) => {
    const [our, their] = [ours, reference].map(runs => median(runs.map(({ more }) => more[part])));
    return { part, goal, ours: our, reference: their, ratio: their / our };
  });

/** The time of a transaction that so many percent of all do not exceed. */
const transactionOf = (runs, percent) =>
  runs.every(({ transactions }) => transactions?.length)
    ? median(runs.map(({ transactions }) => percentile(transactions, percent)))
    : undefined;

/** The least cost of the work, and the ratio of our time to it. */
export const summarizeLimit = ({ what, host }, runs, ours) => {
  const wall = medianOf(runs, 'wall');
  const partNames = Object.keys(runs[0].parts ?? {});
  return {
    what,
    wall,
    cpu: medianOf(runs, 'cpu'),
    // What the limit consists of, if that is several things.
    parts: partNames.map(part => ({ part, wall: median(runs.map(({ parts }) => parts[part])) })),
    // SHA-256 over the same bytes, for phases that must hash, unless it is one of the parts.
    sha256: medianOf(runs, 'sha256'),
    // Waiting for the disk afterwards.
    sync: medianOf(runs, 'sync'),
    // What the host's code does in the phase.
    host: host && { what: host.what, wall: medianOf(runs, 'host'), medianBlock: medianOf(runs, 'hostBlock') },
    bytes: runs[0].bytes,
    medianTransaction: transactionOf(runs, 50),
    slowTransaction: transactionOf(runs, 99),
    timesLimit: ours.wall / wall,
    runs,
  };
};

/** The ratio of our speed to the reference's: of the medians, and the lowest and highest of paired runs. */
export const compare = (ours, reference) => {
  const pairs = ours.map((run, i) => reference[i].wall / run.wall);
  const [our, their] = [summarize(ours), summarize(reference)];
  return {
    ratio: their.wall / our.wall,
    // Steadier on a busy machine, but ignores the gain of several threads.
    cpu: their.cpu / our.cpu,
    // Excludes waiting for the disk, which no program can avoid.
    outsideCommits: our.commit === undefined ? undefined : (their.wall - their.commit) / (our.wall - our.commit),
    lowest: Math.min(...pairs),
    highest: Math.max(...pairs),
  };
};
