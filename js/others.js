'use strict';

/** Words of the WAL-index's header: the number of changes, and the header's checksum. */
const CHANGES = 2;
const CHECKSUM = 10;

/**
 * Makes a function that makes void what is remembered of a database if another connection may have
 * changed it. That is to be called before each use of what is remembered, unless a transaction
 * keeps the others out.
 *
 * To ask the addon takes longer than all else about a cached read. But the header of SQLite's
 * WAL-index is memory that all processes share, and that every commit changes. While it is the
 * same as before the addon was asked the last time, there is nothing to ask.
 *
 * @param {any} handle the addon's handle of the database
 * @param {Int32Array} signal
 */
const makeLook = ({ refresh, watchOthers }, signal) => {
  /** @type {Uint32Array | undefined} */
  let header;
  let changes;
  let checksum;
  let otherChecksum;

  return () => {
    if (header === undefined) {
      if (!refresh()) return;
      const buffer = watchOthers();
      if (buffer) header = new Uint32Array(buffer);
      return;
    }
    const same = header[CHANGES] === changes && header[CHECKSUM] === checksum && header[CHECKSUM + 1] === otherChecksum;
    if (same && signal[3] === 1) return;
    // Taken before the addon looks: what comes after that shows next time.
    changes = header[CHANGES];
    checksum = header[CHECKSUM];
    otherChecksum = header[CHECKSUM + 1];
    refresh();
  };
};

module.exports = { makeLook };
