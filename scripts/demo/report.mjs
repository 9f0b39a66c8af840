/** The demo's output: a progress bar for each step, a line after it, and tables at the end. */
import progress from 'cli-progress';
import Table from 'cli-table3';

export const formatBytes = bytes => {
  if (bytes < 1e3) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
};
const formatSeconds = seconds => seconds.toFixed(2);
const formatRate = (bytes, seconds) => (bytes && seconds ? (bytes / 1e6 / seconds).toFixed(1) : '');

/**
 * Runs a function and shows its progress as a bar if the output is a terminal.
 *
 * @template T
 * @param {string} what
 * @param {(onProgress: (done: number, of: number) => void) => Promise<T>} act
 * @returns {Promise<{ result: T, seconds: number }>}
 */
export const withBar = async (what, act) => {
  const bar = process.stdout.isTTY
    ? new progress.SingleBar(
        // Changes no terminal settings, so that Ctrl-C leaves nothing to restore.
        { format: `  ${what} {bar} {value}/{total}`, clearOnComplete: true, barsize: 30, linewrap: true },
        progress.Presets.shades_classic,
      )
    : undefined;
  const start = performance.now();
  let started = false;
  const onProgress = (done, of) => {
    if (!started) bar?.start(of, 0);
    started = true;
    bar?.update(done);
  };
  try {
    const result = await act(onProgress);
    return { result, seconds: (performance.now() - start) / 1000 };
  } finally {
    if (started) bar?.stop();
  }
};

export const say = line => console.log(line);

const makeTable = (head, rows) => {
  const table = new Table({
    head,
    // No lines between the rows.
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    // Colours only on terminals.
    style: process.stdout.isTTY ? { head: ['bold'], border: ['grey'] } : { head: [], border: [] },
  });
  table.push(...rows);
  return table.toString();
};

const kinds = ['transcript', 'snapshot', 'bundle'];

/** A table of artifacts by kind: their number, size and export time. */
export const artifactTable = artifacts => {
  const row = (title, some) => {
    const bytes = some.reduce((sum, artifact) => sum + artifact.bytes, 0);
    const seconds = some.reduce((sum, artifact) => sum + artifact.seconds, 0);
    return [title, some.length, formatBytes(bytes), formatSeconds(seconds), formatRate(bytes, seconds)];
  };
  const rows = kinds.map(kind =>
    row(
      `${kind}s`,
      artifacts.filter(({ name }) => name.startsWith(`${kind}.`)),
    ),
  );
  return makeTable(['Artifacts', 'number', 'bytes', 'export, s', 'MB/s'], [...rows, row('all', artifacts)]);
};

/** A table of steps: the time of each, and its bytes per second. */
export const stepTable = steps =>
  makeTable(
    ['Step', 'seconds', 'MB/s'],
    steps.map(({ what, seconds, bytes }) => [what, formatSeconds(seconds), formatRate(bytes, seconds)]),
  );
