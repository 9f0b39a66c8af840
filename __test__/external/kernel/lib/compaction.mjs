// Our package compacts stores of kernels: once between two runs, and repeatedly during a run. All results must equal those
// of the same blocks without compaction.

import { modes } from './exports.mjs';
import { inPairs } from '../../../support/external/processes.mjs';
import { sides } from '../../../support/external/sides.mjs';
import { afterFirst } from './side-by-side.mjs';

/** The store that is compacted once, before a kernel of the reference runs on it. */
const COMPACTED = 'compacted';

/** The store that is compacted while the side's kernel runs. */
const besideOf = side => `compacted-beside-${side}`;

/** Checks that the reference treats compressed spans as pruned. */
const checkReferenceView = (checks, frames, seen, expected) => {
  for (const mode of modes) {
    checks.equal(`the reference exports the same data in mode ${mode}`, seen[mode].data, expected[mode].data);
  }
  checks.equal('it exports the same artifacts in mode operational', seen.operational, expected.operational);
  const refused = modes.filter(mode => seen[mode].refused);
  checks.equal('it refuses the modes that lack compressed spans', refused, ['replay', 'archival']);
  const vats = new Set(frames.map(({ vatID }) => vatID)).size;
  checks.holds(`${vats} vats have compressed spans`, vats >= 4, 'too few: has the scenario changed?');
  const compressed = new Set(frames.map(({ vatID, spanStart }) => `transcript.${vatID}.${spanStart}`));
  const isCompressed = ([name]) => compressed.has(name.replace(/\.\d+$/, ''));
  checks.equal(
    `it treats ${compressed.size} compressed spans as pruned, and shows all others`,
    seen.debug.artifacts,
    expected.debug.artifacts.filter(artifact => !isCompressed(artifact)),
  );
};

/** Checks that our package ignores frames without a record, and drops them. */
const checkStaleFrames = (checks, { before, after }) => {
  const stale = before.findings.filter(({ kind }) => kind === 'frame-stale');
  checks.holds(`${stale.length} frames lost their record`, stale.length > 0, 'none: has the scenario changed?');
  checks.equal('verify finds nothing else', before.findings, stale);
  checks.equal('ours drops them when it opens the store', after.findings, []);
};

/** Compares what our package reads from a compacted store and from one that was not compacted. */
const checkContents = (checks, name, seen, plain) => {
  checks.holds(`${name}: it has ${seen.frames.length} frames`, seen.frames.length > 0, 'it is not compacted');
  checks.equal(`${name}: the same history`, seen.history, plain.history);
  for (const what of ['findings', 'spans', 'items']) {
    checks.equal(`${name}: the same ${what} of verify`, seen.after[what], plain.after[what]);
  }
  checks.equal(`${name}: expanded, it has the same rows`, seen.expanded, plain.expanded);
};

/**
 * Returns the names of compacted stores to continue with.
 *
 * @param {object} powers
 * @param {Record<string, object>} second the reports of the second part, by side
 * @param {Record<string, object>} expected what the reference exports of its store afterwards
 */
export const compareCompaction = async ({ checks, chains, progress }, second, expected) => {
  const stores = [{ name: COMPACTED, side: 'reference' }, ...sides.map(side => ({ name: besideOf(side), side }))];
  for (const { name, side } of stores) chains.copyStore(afterFirst(side), name);

  progress('ours compacts a store of the reference');
  const first = await chains.compact(COMPACTED);
  checks.holds(
    `${first.items} items of ${first.spans} spans, of ${first.itemBytes} bytes, become ${first.compressedBytes} bytes`,
    first.done && first.spans >= 15 && first.compressedBytes * 3 < first.itemBytes,
    JSON.stringify(first),
  );
  progress('the reference runs the second part on it, and both run it while ours compacts');
  const runSecond = ({ name, side }) => chains.runPart(side, 'second', name);
  const runs = await inPairs(
    stores.map(store => async () => {
      if (store.name === COMPACTED) return { report: await runSecond(store) };
      const { result, compacted } = await chains.compactBeside(store.name, () => runSecond(store));
      return { report: result, compacted };
    }),
  );
  stores.forEach(({ name, side }, i) => {
    const { report, compacted } = runs[i];
    checks.equal(`${name}: the same blocks`, report.blocks, second[side].blocks);
    checks.equal(`${name}: the export callback got the same batches`, report.exported, second[side].exported);
    if (compacted) {
      const { rounds, heights } = compacted;
      checks.holds(
        `${name}: ${rounds} rounds compressed ${compacted.compacted} items and expanded ${compacted.expanded}`,
        heights.length >= 2 && compacted.expanded > 0 && compacted.last.done,
        `items were compressed at the heights ${heights.join(', ')}; at the end: ${JSON.stringify(compacted.last)}`,
      );
    }
  });

  progress('ours exports the stores, reads their history, verifies and expands them');
  // Ours exports the first store before it opens it for writing, while it still has the frames that lost their record.
  const [seenByReference, ...exports] = await inPairs([
    () => chains.exportStore('reference', COMPACTED),
    ...stores.map(
      ({ name }) =>
        () =>
          chains.exportStore('ours', name),
    ),
  ]);
  for (const side of sides) chains.copyStore(side, `${side}-plain`);
  const [seen, besideOurs, besideReference, plainOurs, plainReference] = await inPairs(
    [...stores.map(({ name }) => name), ...sides.map(side => `${side}-plain`)].map(name => () => chains.look(name)),
  );
  checkReferenceView(checks, seen.frames, seenByReference, expected);
  checkStaleFrames(checks, seen);
  checks.equal('the stores that were not compacted verify without findings', plainReference.after.findings, []);
  stores.forEach(({ name }, i) => checks.equal(`${name}: ours exports the same`, exports[i], expected));
  checkContents(checks, COMPACTED, seen, plainReference);
  checkContents(checks, besideOf('ours'), besideOurs, plainOurs);
  checkContents(checks, besideOf('reference'), besideReference, plainReference);
  return [COMPACTED];
};
