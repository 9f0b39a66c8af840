'use strict';

const native = require('../addon/native.js');
const { makeBatchIterator } = require('../common/batch-iterator.js');
const { check, checkPath, checkString, followTaming, quote } = require('../common/errors.js');
const { harden } = require('../common/harden.js');
const { runJob } = require('../common/job.js');
const { WORK, aBoolean, aPosition, takeNothingElse, takeOptions } = require('../common/options.js');
const { itemCutter } = require('../common/packed.js');
const { resolvePlace } = require('../common/paths.js');
const { chunks } = require('../common/streams.js');

/** Throws unless a vat ID is a string. */
const checkVatID = vatID => checkString('vatID', vatID);

const SIZES = { sizes: aBoolean, ...WORK };
const OPEN = { historyFrom: checkPath };
const ITEMS = { skipMissing: aBoolean };
const RANGE = { start: aPosition, end: aPosition, ...ITEMS };
const PLAN = {
  incarnation: aPosition,
  from: (name, from) =>
    check(
      from === 'start' || from === 'snapshot',
      `invalid from ${quote(from)}: a replay starts from the incarnation's "start" or its last "snapshot"`,
    ),
  ...SIZES,
};

/**
 * Opens the history of a store, as of its last commit.
 *
 * @param {string} dirPath the store's directory
 * @param {{ historyFrom?: string }} [openOptions]
 */
const openSwingStoreHistory = (dirPath, openOptions) => {
  checkString('dirPath', dirPath);
  followTaming();
  const { historyFrom } = takeOptions('openSwingStoreHistory', openOptions, OPEN);
  const history = native.openHistory(dirPath, historyFrom && resolvePlace(historyFrom));

  // Nothing read ahead may be yielded after the history was closed.
  let isOpen = true;
  const checkOpen = () => {
    if (!isOpen) history.checkOpen();
  };

  /** Runs a job and parses the JSON text that it returns. */
  const answer = async (taken, job) => {
    const text = await runJob(job, taken, () => job.run());
    checkOpen();
    return harden(JSON.parse(text));
  };
  const answerOfVat =
    (name, ask, known = SIZES) =>
    async (vatID, options) => {
      checkVatID(vatID);
      const taken = takeOptions(name, options, known);
      const { onProgress, signal, ...queryOptions } = taken;
      return answer(taken, ask(vatID, JSON.stringify(queryOptions)));
    };

  /** Makes an async iterator over a selection of a vat's items. */
  const items = (vatID, { skipMissing = false }, selection) => {
    checkVatID(vatID);
    const source = history.items(vatID, JSON.stringify({ skipMissing, selection }));
    const batches = chunks(source, checkOpen);
    const nextBatch = async () => {
      const { value, done } = await batches.next();
      return done ? undefined : itemCutter(value);
    };
    return harden(makeBatchIterator(nextBatch, checkOpen, () => source.close()));
  };

  return harden({
    async listVats(options) {
      const taken = takeOptions('listVats', options, SIZES);
      return answer(taken, history.vats(undefined, JSON.stringify({ sizes: taken.sizes })));
    },
    getVat: answerOfVat('getVat', history.vat),
    listIncarnations: answerOfVat('listIncarnations', history.incarnations),
    listSpans: answerOfVat('listSpans', history.spans),
    listPseudoDeliveries: answerOfVat('listPseudoDeliveries', history.pseudoDeliveries, WORK),
    async listSnapshots(vatID = undefined, ...others) {
      if (vatID !== undefined) checkVatID(vatID);
      takeNothingElse('listSnapshots', others);
      return answer({}, history.snapshots(vatID));
    },
    async listBundles(...others) {
      takeNothingElse('listBundles', others);
      return answer({}, history.bundles());
    },
    replayPlan: answerOfVat('replayPlan', history.replayPlan, PLAN),
    async getBlockHeight(...others) {
      takeNothingElse('getBlockHeight', others);
      return answer({}, history.blockHeight());
    },
    async readItem(vatID, position, ...others) {
      aPosition('position', position);
      takeNothingElse('readItem', others);
      const reader = items(vatID, {}, { range: { start: position, end: position + 1 } });
      const { value } = await reader.next();
      await reader.return();
      return value;
    },
    readItems(vatID, options) {
      const taken = takeOptions('readItems', options, RANGE);
      return items(vatID, taken, { range: { start: taken.start, end: taken.end } });
    },
    readSpan(vatID, startPos, options) {
      const taken = takeOptions('readSpan', options, ITEMS);
      aPosition('startPos', startPos);
      return items(vatID, taken, { span: startPos });
    },
    readIncarnation(vatID, incarnation, options) {
      const taken = takeOptions('readIncarnation', options, ITEMS);
      aPosition('incarnation', incarnation);
      return items(vatID, taken, { incarnation });
    },
    async close() {
      isOpen = false;
      await history.close();
    },
  });
};

module.exports = { openSwingStoreHistory };
