// The last part of the scenario: each side continues with both stores, and joins the chain by importing the other's.

import { checkModes } from './exports.mjs';
import { inPairs } from '../../../support/external/processes.mjs';
import { other, sides } from '../../../support/external/sides.mjs';

/**
 * @param {object} powers
 * @param {string[]} stores the names of further stores with which our package continues
 */
export const compareContinuations = async ({ checks, chains, progress }, stores) => {
  const runThird = async (side, name) => {
    // A store that no longer keeps old spans refuses some modes of export.
    const options = { keepTranscripts: false };
    const report = await chains.runPart(side, 'third', name, options);
    return { name, report, exported: await chains.exportStore(side, name) };
  };

  const goOn = (side, store) => {
    const name = `${store}-continued-by-${side}`;
    chains.copyStore(store, name);
    return runThird(side, name);
  };

  const joinChain = async side => {
    const name = `joined-by-${side}`;
    await chains.importStore(side, other[side], name);
    return runThird(side, name);
  };

  progress('each side continues with each store');
  const [expected, ...continued] = await inPairs([
    () => goOn('reference', 'reference'),
    () => goOn('ours', 'reference'),
    () => goOn('reference', 'ours'),
    () => goOn('ours', 'ours'),
    ...stores.map(store => () => goOn('ours', store)),
  ]);
  checkModes(checks, expected.exported, ['replay', 'archival']);
  const checkBlocks = ({ name, report }) =>
    checks.equal(`${name}: the same blocks`, report.blocks, expected.report.blocks);
  for (const run of continued) {
    checkBlocks(run);
    checks.equal(
      `${run.name}: the export callback got the same batches`,
      run.report.exported,
      expected.report.exported,
    );
    checks.equal(`${run.name}: the same exports`, run.exported, expected.exported);
  }

  progress('each side imports an export of the other, and continues with it');
  const joined = await inPairs(sides.map(side => () => joinChain(side)));
  for (const run of joined) {
    checkBlocks(run);
    checks.equal(`${run.name}: the same operational export`, run.exported.operational, expected.exported.operational);
  }
  // Both lack the same part of the history.
  checks.equal('both that joined: the same exports', joined[0].exported, joined[1].exported);
};
