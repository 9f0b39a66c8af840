// The example `replay` runs the vats of the stores in real workers: all that a kernel did is what a replay does, whatever
// happened to the store since, and a replay finds what was changed.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { openSwingStoreHistory } from '../../../../index.mjs';
import { inPairs } from '../../../support/external/processes.mjs';

const ALL = ['--all-vats', '--incarnation', 'all'];

/** Checks that all replays of a store are equal to the record, and that they compared something. */
const checkEqual = (checks, what, { code, replays, error }, least) => {
  if (error) {
    checks.fail(`${what}: all vats can be replayed`, error.message);
    return;
  }
  const sum = count => replays.reduce((total, replay) => total + count(replay), 0);
  const deliveries = sum(replay => replay.deliveries);
  const syscalls = sum(replay => replay.syscalls);
  const images = sum(replay => replay.images.equal);
  const diverging = replays.find(({ divergence }) => divergence);
  checks.holds(
    `${what}: ${replays.length} replays with ${deliveries} deliveries, ${syscalls} system calls and ${images} heap images`,
    code === 0 && !diverging && replays.length >= least.replays && images >= least.images && syscalls > deliveries,
    diverging ? JSON.stringify(diverging).slice(0, 1000) : 'too few: has the scenario changed?',
  );
  const computrons = replays.find(replay => replay.computrons.different > 0 || replay.computrons.compared === 0);
  checks.equal(`${what}: the same computrons`, computrons?.computrons, undefined);
};

/** Checks the image that a replay leaves before a snapshot, which is the recorded one. */
const checkUntil = async (checks, chains) => {
  const store = chains.storeOf('ours');
  const history = openSwingStoreHistory(store);
  const { vatID, snapPos, hash } = (await history.listSnapshots()).findLast(({ inUse }) => inUse);
  await history.close();
  const file = join(dirname(store), `${vatID}.xss`);
  rmSync(file, { force: true });
  const until = ['--until', `${snapPos - 1}`, '--image', file];
  const { replays, error } = await chains.replay('replay-until', store, '--vat', vatID, ...until);
  const { divergence, image } = replays?.[0] ?? { divergence: error };
  checks.equal(`a replay of ${vatID} until ${snapPos - 1} is equal`, divergence, null);
  checks.equal(
    'it says which image it leaves',
    [image?.file, image?.artifact, image?.isEqual, image?.snapshotID],
    [file, `snapshot.${vatID}.${snapPos}`, true, hash],
  );
  const written = existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'none';
  checks.equal('it leaves the recorded image in that file', written, hash);
};

/**
 * @param {object} powers
 * @param {string[]} compacted the names of stores that were compacted
 */
export const compareReplays = async ({ checks, chains, progress }, compacted) => {
  progress('all vats are replayed from an export, from compacted stores, and from an archive after pruning');
  const { storeOf } = chains;
  chains.copyStore('ours', 'pruned');
  chains.copyStore('ours', 'planted');

  const replayExport = async () => {
    const exported = await chains.exportReplay('reference');
    return chains.replay('replay-export', exported, '--all-vats', '--at-snapshot', 'both');
  };
  const replayPruned = async () => {
    await chains.command('pruned', 'prune', '--keep', 'operational');
    const before = await chains.replay('replay-pruned', storeOf('pruned'), ...ALL);
    // It has what the kernel of `ours` archived when its spans ended, also of vats that it has deleted since.
    const archive = chains.archiveOf('ours');
    const from = ['--history-from', archive];
    const elsewhere = await chains.replay('replay-with-history', storeOf('pruned'), ...ALL, ...from);
    await chains.command('pruned', 'repopulate', '--from', archive, '--artifact-mode', 'archival');
    // One vat with all its incarnations: replaying the others again would only take time.
    const ledger = ['--vat', 'ledger', '--incarnation', 'all'];
    return { before, elsewhere, after: await chains.replay('replay-repopulated', storeOf('pruned'), ...ledger) };
  };
  const replayPlanted = async () => {
    const plan = await chains.plantDivergences('planted');
    const vats = plan.planted.flatMap(({ vatID }) => ['--vat', vatID]);
    return { ...plan, replayed: await chains.replay('replay-planted', storeOf('planted'), ...vats) };
  };
  const replayCompacted = name => () => chains.replay(`replay-${name}`, storeOf(name), ...ALL);
  const [exported, pruned, planted, ...others] = await inPairs([
    replayExport,
    replayPruned,
    replayPlanted,
    ...compacted.map(replayCompacted),
  ]);

  checkEqual(checks, 'an export in mode replay', exported, { replays: 12, images: 60 });
  checks.holds(
    'after pruning, the replay names what is missing',
    pruned.before.code === 2 && /lacks transcript\.v\d+\.\d+\.\d+.*repopulate/.test(pruned.before.error?.message),
    JSON.stringify(pruned.before),
  );
  const least = { replays: 8, images: 40 };
  checkEqual(checks, "the pruned store, with history from the kernel's archive", pruned.elsewhere, least);
  checkEqual(checks, "the pruned store, repopulated from the kernel's archive", pruned.after, {
    replays: 3,
    images: 9,
  });
  compacted.forEach((name, i) => checkEqual(checks, `${name}`, others[i], least));
  checks.equal('verify finds nothing in the store with planted divergences', planted.findings, []);
  checks.equal('both divergences were planted', planted.planted.length, 2);
  checks.equal('the replay of that store fails', planted.replayed.code, 1);
  checks.equal(
    'it diverges at these positions',
    planted.replayed.replays?.map(({ vatID, divergence }) => ({
      vatID,
      position: divergence?.position,
      kind: divergence?.kind,
      syscall: divergence?.syscall,
    })),
    planted.planted,
  );
  await checkUntil(checks, chains);
};
