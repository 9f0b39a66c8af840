'use strict';

const native = require('./native.js');

/**
 * The indices into `cacheSignal`, an `Int32Array` of the addon's object for a database. The addon keeps its numbers up to
 * date, so that JavaScript can read them without a call:
 *
 * - `GENERATION`: a number that changes when copies of the database's values become invalid (after SQL of a tool, or
 *   another connection's commit).
 * - `HELD`: 1 while only this store can change a value (in its own transaction), else 0.
 * - `CLOSED`: 1 once the database is closed, else 0.
 */
const { generation: GENERATION, held: HELD, closed: CLOSED } = native.cacheSignalIndices();

module.exports = { CLOSED, GENERATION, HELD };
