'use strict';

const { modeArguments } = require('../common/artifact-mode.js');
const { hardenOwn } = require('../common/harden.js');
const { chunks, drain, elements, items } = require('../common/streams.js');
const { directoryOf } = require('./archivers.js');
const { borrowedPowers } = require('./substore-powers.js');

/**
 * Makes the functions of a transcriptStore.
 *
 * @param {import('./substore-powers.js').Powers} powers
 * @param {{ archiveTranscript?: (name: string, entries: Buffer[]) => Promise<void> }} options
 */
const transcriptStoreOver = ({ fns, writes, ensureTxn, cacheSignal }, { archiveTranscript }) => {
  const rollover = writes(fns.rollover);
  const stopUsing = writes(fns.stopUsingTranscript);

  /**
   * Begins to archive a vat's current span, if it has one. Returns a function that finishes it. For an archiver of this
   * package, the addon writes the file on another thread, directly from the database.
   */
  const beginArchive = vatID => {
    const directory = directoryOf(archiveTranscript, 'transcript');
    const native = directory === undefined ? null : fns.beginSpanArchive(vatID);
    // Written after the span has ended, since two threads can't use one connection at the same time.
    if (native !== null) return async () => native?.write(directory);
    const span = fns.currentSpanArchive(vatID);
    const archived = span && archiveTranscript(...span);
    return async () => archived;
  };

  /**
   * Ends the current span by calling `end`. Begins the archive before, while the items exist, and awaits it afterwards, so
   * that all changes of the store happen synchronously.
   */
  const endSpan = async (vatID, end) => {
    if (!archiveTranscript) return end();
    ensureTxn();
    const finishArchive = beginArchive(vatID);
    try {
      return end();
    } finally {
      // Reports the archiver's failure even if the span could not be ended.
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

  return hardenOwn({
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
    async populateTranscriptSpan(name, makeChunkIterator, { artifactMode = 'archival', whenRead, turn }) {
      ensureTxn();
      const sink = fns.importSpan(name, ...modeArguments(artifactMode));
      // A span that is skipped waits, too, so that the next one's turn is after all spans before it.
      if (sink) await drain(await makeChunkIterator(), sink, whenRead, turn);
      else await turn;
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
 * Makes a transcriptStore over a database.
 *
 * @param {unknown} db a Database, or an in-memory handle of better-sqlite3
 * @param {() => void} ensureTxn begins a transaction unless there is one
 * @param {(key: string, value: string | undefined) => void} [noteExport] receives changes of the export data
 * @param {{ keepTranscripts?: boolean, archiveTranscript?: any }} [options]
 */
const makeTranscriptStore = (db, ensureTxn, noteExport = () => {}, options = {}) =>
  transcriptStoreOver(borrowedPowers(db, 'transcripts', ensureTxn, noteExport, options), options);

module.exports = { makeTranscriptStore, transcriptStoreOver };
