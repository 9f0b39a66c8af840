'use strict';

const fs = require('node:fs');

const native = require('../addon/native.js');
const { harden } = require('../common/harden.js');

/** The definitions of all metrics. */
const metricDefinitions = JSON.parse(native.metricDefinitions());

/** The names of the metrics that an open store has. */
const RUNNING = metricDefinitions.filter(({ running }) => running).map(({ name }) => name);

/** The size of a file in bytes; 0 if there is none. */
const sizeOf = file => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** The path of the log of a database file. The log of a link is next to its target. */
const logOf = file => `${fs.existsSync(file) ? fs.realpathSync(file) : file}-wal`;

/** The values of a property of each count, by name. */
const each = (counts, property) =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count[property]]));

/**
 * Makes a function that returns the metrics of an open store.
 *
 * @param {object} store
 * @param {Record<string, (...args: any[]) => any>} store.fns the store's functions
 * @param {() => Record<string, { calls: number, seconds: number }>} store.measureCalls counts calls from its first call on
 * @param {{ hits: number, misses: number }} store.reads the counts of the cache of values
 * @param {() => string | undefined} store.currentFile the database file's path; `undefined` for a store in memory
 */
const makeMetrics =
  ({ fns, measureCalls, reads, currentFile }) =>
  () => {
    // Throws if the store is closed.
    const counted = JSON.parse(fns.metrics());
    const calls = measureCalls();
    const file = currentFile();
    const [logBytes, fileBytes] = file === undefined ? [0, 0] : [logOf(file), file].map(sizeOf);
    const all = {
      ...counted,
      swing_store_calls_total: each(calls, 'calls'),
      swing_store_call_seconds_total: each(calls, 'seconds'),
      swing_store_value_cache_hits_total: reads.hits,
      swing_store_value_cache_misses_total: reads.misses,
      swing_store_log_bytes: logBytes,
      swing_store_file_bytes: fileBytes,
    };
    return harden(Object.fromEntries(RUNNING.map(name => [name, all[name]])));
  };

/**
 * Formats metrics as Prometheus reads them.
 *
 * @param {Record<string, any>} metrics
 */
const formatMetrics = metrics => native.metricsText(JSON.stringify(metrics) ?? '');

module.exports = { formatMetrics, makeMetrics, metricDefinitions: harden(metricDefinitions) };
