'use strict';

const { check, checkString, followTaming, quote } = require('./errors.js');
const { harden } = require('./harden.js');
const { checkJobOptions, runJob } = require('./job.js');
const native = require('./native.js');
const { itemCutter } = require('./packed.js');
const { makeBatchIterator } = require('./record-iterator.js');
const { chunks } = require('./streams.js');

/** Throws unless it is one. */
const checkVatID = vatID => checkString('vatID', vatID);

/** Throws unless these are what they should be. */
const checkOptions = options => {
  check(typeof options === 'object' && options !== null, 'options must be an object');
  checkJobOptions(options);
};

/**
 * The history of the store in a directory, as of its last commit.
 *
 * @param {string} dirPath
 */
const openSwingStoreHistory = dirPath => {
  checkString('dirPath', dirPath);
  followTaming();
  const history = native.openHistory(dirPath);

  // What is read ahead must not be given out after the history was closed.
  let isOpen = true;
  const checkOpen = () => {
    if (!isOpen) history.checkOpen();
  };

  /** The answer to a question. */
  const answer = async (options, makeJob) => {
    checkOptions(options);
    const job = makeJob(!!options.sizes);
    const text = await runJob(job, options, () => job.run());
    checkOpen();
    return harden(JSON.parse(text));
  };
  const answerOfVat =
    ask =>
    async (vatID, options = {}) => {
      checkVatID(vatID);
      return answer(options, sizes => ask(vatID, sizes));
    };

  /** An async iterator over items. */
  const items = (vatID, { skipMissing = false }, ...selection) => {
    checkVatID(vatID);
    const source = history.items(vatID, !!skipMissing, ...selection);
    const batches = chunks(source, checkOpen);
    const nextBatch = async () => {
      const { value, done } = await batches.next();
      return done ? undefined : itemCutter(value);
    };
    return harden(makeBatchIterator(nextBatch, checkOpen, () => source.close()));
  };

  return harden({
    listVats: async (options = {}) => answer(options, sizes => history.vats(undefined, sizes)),
    getVat: answerOfVat(history.vat),
    listIncarnations: answerOfVat(history.incarnations),
    listSpans: answerOfVat(history.spans),
    listPseudoDeliveries: answerOfVat(history.pseudoDeliveries),
    async listSnapshots(vatID = undefined) {
      if (vatID !== undefined) checkVatID(vatID);
      return answer({}, () => history.snapshots(vatID));
    },
    listBundles: async () => answer({}, () => history.bundles()),
    async replayPlan(vatID, options = {}) {
      checkVatID(vatID);
      checkOptions(options);
      const { incarnation, from = 'start' } = options;
      check(incarnation === undefined || typeof incarnation === 'number', 'incarnation must be a number');
      check(
        from === 'start' || from === 'snapshot',
        `invalid from ${quote(from)}: a replay begins at the incarnation's "start" or at its last "snapshot"`,
      );
      return answer(options, sizes => history.replayPlan(vatID, sizes, incarnation, from === 'snapshot'));
    },
    getBlockHeight: async () => answer({}, () => history.blockHeight()),
    async readItem(vatID, position) {
      check(typeof position === 'number', 'position must be a number');
      const reader = items(vatID, {}, 'range', position, position + 1);
      const { value } = await reader.next();
      await reader.return();
      return value;
    },
    readItems(vatID, options = {}) {
      const { start = undefined, end = undefined } = options;
      for (const [name, value] of Object.entries({ start, end })) {
        check(value === undefined || typeof value === 'number', `${name} must be a number`);
      }
      return items(vatID, options, 'range', start, end);
    },
    readSpan: (vatID, startPos, options = {}) => items(vatID, options, 'span', startPos),
    readIncarnation: (vatID, incarnation, options = {}) => items(vatID, options, 'incarnation', incarnation),
    async close() {
      isOpen = false;
      await history.close();
    },
  });
};

module.exports = { openSwingStoreHistory };
