'use strict';

const { modeArguments } = require('../common/artifact-mode.js');
const { harden } = require('../common/harden.js');
const { chunks, drain, elements, items } = require('../common/streams.js');
const { directoryOf } = require('./archivers.js');
const { borrowedPowers } = require('./substore-powers.js');

/**
 * The transcriptStore's functions.
 *
 * @param {import('./substore-powers.js').Powers} powers
 * @param {{ archiveTranscript?: (name: string, entries: Buffer[]) => Promise<void> }} options
 */
const transcriptStoreOver = ({ fns, writes, ensureTxn, cacheSignal }, { archiveTranscript }) => {
  const rollover = writes(fns.rollover);
  const stopUsing = writes(fns.stopUsingTranscript);

  /**
   * Begins to archive a vat's current span, if it has one; returns a function that waits for it. What the archiver of
   * this package would write is written by the addon, on another thread and straight from the database.
   */
  const beginArchive = vatID => {
    const directory = directoryOf(archiveTranscript, 'transcript');
    const native = directory === undefined ? null : fns.beginSpanArchive(vatID);
    // Not before the span has ended, since two threads can't be at one database.
    if (native !== null) return async () => native?.write(directory);
    const span = fns.currentSpanArchive(vatID);
    const archived = span && archiveTranscript(...span);
    return async () => archived;
  };

  /**
   * Ends the current span by `end`. An archive is begun before, while the items are there, and
   * awaited afterwards, so that all changes of the store are made synchronously.
   */
  const endSpan = async (vatID, end) => {
    if (!archiveTranscript) return end();
    ensureTxn();
    const finishArchive = beginArchive(vatID);
    try {
      return end();
    } finally {
      // Even if the span could not be ended, the archiver's failure is the caller's to hear of.
      await finishArchive();
    }
  };

  async function* exportSpan(name) {
    yield* chunks(fns.exportSpan(name));
  }
  async function* getArtifactNames(artifactMode) {
    yield* fns.spanNames(...modeArguments(artifactMode));
  }
  function* getExportRecords(includeHistorical = true) {
    yield* elements(fns.spanRecords(!!includeHistorical));
  }
  function* readFullVatTranscript(vatID) {
    yield* items(fns.readFullVatTranscript(vatID), cacheSignal);
  }

  return harden({
    initTranscript: writes(fns.initTranscript),
    rolloverSpan: async vatID => endSpan(vatID, () => rollover(vatID, false)),
    rolloverIncarnation: async vatID => endSpan(vatID, () => rollover(vatID, true)),
    getCurrentSpanBounds: fns.getCurrentSpanBounds,
    addItem: writes(fns.addItem),
    readSpan: (vatID, startPos) => items(fns.readSpan(vatID, startPos), cacheSignal),
    stopUsingTranscript: async vatID => endSpan(vatID, () => stopUsing(vatID)),
    deleteVatTranscripts: writes(fns.deleteVatTranscripts),

    exportSpan,
    getExportRecords,
    getArtifactNames,

    importTranscriptSpanRecord: writes(fns.importSpanRecord),
    async populateTranscriptSpan(name, makeChunkIterator, { artifactMode = 'archival' }) {
      ensureTxn();
      const sink = fns.importSpan(name, ...modeArguments(artifactMode));
      if (sink) await drain(await makeChunkIterator(), sink);
    },
    assertComplete: checkMode => fns.checkTranscripts(...modeArguments(checkMode)),
    repairTranscriptSpanRecord: writes(fns.repairSpanRecord),

    dumpTranscripts(includeHistorical = true) {
      const transcripts = {};
      for (const [vatID, position, item] of fns.dumpTranscripts(!!includeHistorical)) {
        transcripts[vatID] ||= {};
        transcripts[vatID][position] = item;
      }
      return transcripts;
    },
    readFullVatTranscript,
  });
};

/**
 * A transcriptStore over a database.
 *
 * @param {unknown} db
 * @param {() => void} ensureTxn
 * @param {(key: string, value: string | undefined) => void} [noteExport]
 * @param {{ keepTranscripts?: boolean, archiveTranscript?: any }} [options]
 */
const makeTranscriptStore = (db, ensureTxn, noteExport = () => {}, options = {}) =>
  transcriptStoreOver(borrowedPowers(db, 'transcripts', ensureTxn, noteExport, options), options);

module.exports = { makeTranscriptStore, transcriptStoreOver };
