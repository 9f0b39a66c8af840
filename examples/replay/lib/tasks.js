// Finds what to replay, and checks that all of it is stored before any of it starts.

import { ReplayError } from './errors.js';

/** At most this many missing artifacts are named. */
const NAMED = 5;

const list = names => {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
};

/** Says how to get artifacts that are missing. */
const adviceOn = ({ directory, isExport, historyFrom }) => {
  if (historyFrom !== undefined) return 'Add them there with "swing-store archive", on a node that has them';
  if (isExport) {
    return (
      'Export the store with --artifact-mode replay, or archival for previous incarnations, or debug for previous ' +
      'snapshots; or give a place that has them as --history-from'
    );
  }
  return (
    'If an archive or an export has them, give it as --history-from, or restore them: ' +
    `swing-store repopulate --state-dir ${directory} --from PLACE --artifact-mode debug`
  );
};

/** Throws if artifacts are missing, or something else prevents the replay. */
const checkComplete = (source, vatID, { missing, problems }) => {
  const { isExport, historyFrom } = source;
  if (missing.length > 0) {
    const names = list(missing.map(({ artifact }) => artifact));
    const store = `the ${isExport ? 'export' : 'store'}`;
    const lacking = historyFrom === undefined ? `${store} lacks` : `${store} and ${historyFrom} lack`;
    throw new ReplayError(`${lacking} ${names}, which the replay of ${vatID} needs. ${adviceOn(source)}`);
  }
  if (problems.length > 0) {
    throw new ReplayError(`the replay of ${vatID} is impossible: ${problems.join('; ')}`);
  }
};

/** Finds a vat by its ID or its name. */
const findVat = (vats, wanted) => {
  const byID = vats.find(({ vatID }) => vatID === wanted);
  if (byID) return byID;
  const named = vats.filter(({ name }) => name === wanted);
  if (named.length === 1) return named[0];
  if (named.length > 1) {
    throw new ReplayError(
      `the vats ${named.map(({ vatID }) => vatID).join(', ')} have the name "${wanted}": give an ID`,
    );
  }
  throw new ReplayError(`the store has no vat "${wanted}": it has ${list(vats.map(({ vatID }) => vatID)) || 'none'}`);
};

/** Plans a replay from the snapshot that a span loads. */
const planFromSpan = async ({ history, historyFrom }, vatID, position, wantedIncarnation) => {
  const spans = await history.listSpans(vatID);
  const first = spans.findIndex(({ startPos }) => startPos === position);
  if (first < 0) {
    const before = spans.findLast(({ startPos }) => startPos < position);
    throw new ReplayError(
      `no span of ${vatID} starts at ${position}${before ? `: the one before starts at ${before.startPos}` : ''}`,
    );
  }
  const { incarnation } = spans[first];
  if (wantedIncarnation !== undefined && wantedIncarnation !== incarnation) {
    throw new ReplayError(
      `position ${position} of ${vatID} is in incarnation ${incarnation}, not ${wantedIncarnation}`,
    );
  }
  if (first === 0 || spans[first - 1].incarnation !== incarnation) {
    throw new ReplayError(`incarnation ${incarnation} of ${vatID} starts at ${position}, from bundles: omit --start`);
  }
  const snapshots = (await history.listSnapshots(vatID)).filter(({ snapPos }) => snapPos === position - 1);
  const replayed = spans.slice(first).filter(span => span.incarnation === incarnation);
  // What another place has is fetched when it is used.
  const lacking = [...snapshots, ...replayed].filter(({ populated }) => populated !== 'all');
  const missing = historyFrom === undefined ? lacking : [];
  return {
    incarnation,
    startPos: position,
    endPos: replayed.at(-1).endPos,
    start: { kind: 'load-snapshot', position, snapshotID: snapshots[0]?.hash },
    bundles: [],
    snapshots,
    missing,
    problems: snapshots.length > 0 ? [] : [`the store has no record of a snapshot of ${vatID} at ${position - 1}`],
  };
};

/** Whether a replay starts a worker that is not xsnap, which only a kernel has. */
const workerTypeOf = ({ start }) => (start.kind === 'initialize-worker' ? start.workerOptions.type : 'xsnap');

/**
 * Plans replays.
 *
 * @param {object} source of `openSource`, with `directory`
 * @param {ReturnType<typeof import('./options.js').parseOptions>} options
 * @returns {Promise<{ tasks: object[], skipped: { vatID: string, reason: string }[] }>} `skipped` names the vats of
 *   `--all-vats` that have nothing to replay
 * @throws {ReplayError} if a vat does not exist, or something that its replay needs is missing
 */
export const planReplays = async (source, options) => {
  const { history } = source;
  const all = await history.listVats();
  const vats = options.allVats ? all : options.vats.map(wanted => findVat(all, wanted));
  const tasks = [];
  const skipped = [];

  const incarnationsOf = async vatID => {
    if (!options.allIncarnations) return [options.incarnation];
    return (await history.listIncarnations(vatID)).map(({ incarnation }) => incarnation);
  };
  const plan = async (vatID, incarnation) => {
    if (options.start !== undefined) return planFromSpan(source, vatID, options.start, incarnation);
    return history.replayPlan(vatID, { incarnation, from: options.fromSnapshot ? 'snapshot' : 'start' });
  };

  for (const vat of vats) {
    const { vatID } = vat;
    if (options.allVats && vat.state !== 'live') {
      skipped.push({ vatID, reason: `it is ${vat.state}` });
      continue;
    }
    for (const incarnation of await incarnationsOf(vatID)) {
      const planned = await plan(vatID, incarnation);
      const type = workerTypeOf(planned);
      if (type !== 'xsnap') {
        const reason = `its worker is of the type ${type}, not xsnap`;
        if (!options.allVats) throw new ReplayError(`${vatID} cannot be replayed: ${reason}`);
        skipped.push({ vatID, reason });
        continue;
      }
      checkComplete(source, vatID, planned);
      const { startPos, endPos, start, bundles, snapshots } = planned;
      if (options.until !== undefined && (options.until < startPos || options.until >= endPos)) {
        throw new ReplayError(
          `--until ${options.until} is outside of the replay, which has the positions ${startPos} to ${endPos - 1}`,
        );
      }
      tasks.push({
        vatID,
        name: vat.name,
        incarnation: planned.incarnation,
        start,
        startPos,
        endPos: options.until === undefined ? endPos : options.until + 1,
        bundles,
        snapshot: snapshots[0],
        metered: Boolean(vat.options?.meterID),
        liveSlotsOptions: source.liveSlotsOptions(vat),
      });
    }
  }
  if (tasks.length === 0) throw new ReplayError('there is nothing to replay: the store has no vat that ran in xsnap');
  return { tasks, skipped };
};
