// Whether a process makes its files durable in the right order, judged by its calls as kill-at-call.c logs them.

/** A path that only the process itself looks at: in one of its scratch directories, or a lock or an index that nobody needs. */
const isHidden = path => /\/\.[^/]*swing-store-/.test(path) || path.endsWith('-shm');

const directoryOf = path => path.slice(0, path.lastIndexOf('/'));

const isManifest = path => path.endsWith('/export-manifest.json');

/** A call: what it does, to which path, and from which path the file comes if it gets another name. */
const parse = call => {
  const [, what, to, from] = /^(\S+) (\S*?)(?: < (\S*))?$/.exec(call) ?? [];
  return { what, to, from };
};

/**
 * Fails unless a loss of power after any of the calls leaves either nothing, or what was there before, or all of it:
 *
 * - what is written to a file is on the disk before the file gets a name that others look at;
 * - so is each such name, by a sync of its directory, before the manifest gets its name and before the process ends;
 * - the manifest is the last file of an export that gets its name;
 * - each transaction is on the disk, by a sync of its log, before the next one is written and before the process ends.
 *
 * @param {string[]} calls
 * @returns {{ named: number, manifests: number, commits: number }} how many files got their names, how many of these are
 *   manifests, and how many transactions there were
 */
export const checkDurable = calls => {
  const counts = { named: 0, manifests: 0, commits: 0 };
  /** Files with contents that are not on the disk, and directories and logs that are not. */
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
