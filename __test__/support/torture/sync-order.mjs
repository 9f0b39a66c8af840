// Checks from a log of kill-at-call.c whether a process makes its files durable in the right order.

/** Whether only the process itself reads a path: files in scratch directories, locks, and SQLite's index of a log. */
const isHidden = path => /\/\.[^/]*swing-store-/.test(path) || path.endsWith('-shm');

const directoryOf = path => path.slice(0, path.lastIndexOf('/'));

const isManifest = path => path.endsWith('/export-manifest.json');

/** Parses a call: its action, its path, and the old path of a rename. */
const parse = call => {
  const [, what, to, from] = /^(\S+) (\S*?)(?: < (\S*))?$/.exec(call) ?? [];
  return { what, to, from };
};

/**
 * Fails unless a loss of power after any of the calls leaves nothing, the previous state, or the complete result:
 *
 * - a file's contents are synced before the file gets its final name;
 * - each final name is synced with its directory before the manifest gets its name and before the process ends;
 * - the manifest is the last file of an export that gets its name;
 * - each transaction's log is synced before the next transaction is written and before the process ends.
 *
 * @param {string[]} calls
 * @returns {{ named: number, manifests: number, commits: number }} the numbers of files that got their names, of manifests
 *   among them, and of transactions
 */
export const checkDurable = calls => {
  const counts = { named: 0, manifests: 0, commits: 0 };
  /** Files whose contents are not synced, and directories and logs that are not synced. */
  const written = new Set();
  const renamed = new Map();
  const committed = new Set();
  let manifest;
  const insist = (condition, message) => {
    if (!condition) throw Error(message);
  };
  const noneRenamed = before => {
    for (const name of renamed.values()) insist(false, `the name ${name} was not on the disk before ${before}`);
  };
  for (const call of calls) {
    const { what, to, from } = parse(call);
    switch (what) {
      case 'open':
      case 'write':
      case 'truncate':
        written.add(to);
        break;
      case 'commit':
        insist(!committed.has(to), `a transaction in ${to} was not on the disk before the next one`);
        committed.add(to);
        written.add(to);
        counts.commits += 1;
        break;
      case 'sync':
        written.delete(to);
        renamed.delete(to);
        committed.delete(to);
        break;
      case 'syncfs':
        for (const all of [written, renamed, committed]) all.clear();
        break;
      case 'rename':
      case 'link':
        if (isHidden(to)) break;
        insist(!from || !written.has(from), `${to} got its name before its contents were on the disk`);
        insist(!manifest, `${to} got its name after ${manifest}`);
        if (isManifest(to)) {
          noneRenamed(to);
          manifest = to;
          counts.manifests += 1;
        }
        renamed.set(directoryOf(to), to);
        counts.named += 1;
        break;
      case 'unlink':
        written.delete(to);
        committed.delete(to);
        break;
      default:
    }
  }
  noneRenamed('the end');
  for (const log of committed) insist(false, `the last transaction in ${log} was not on the disk at the end`);
  return counts;
};
