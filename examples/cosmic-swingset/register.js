import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { measureSwingStore, metricDefinitions } from '@agoric/swing-store';

/** How often the contents of the store are measured, in milliseconds. */
const MEASURE_INTERVAL = 5 * 60 * 1000;

/** The histograms, each with the channel whose events it records and the time of such an event. */
const HISTOGRAMS = {
  swing_store_commit_seconds: ['swing-store:commit', event => event.seconds],
  swing_store_snapshot_save_seconds: ['swing-store:snapshot', event => event.compressSeconds + event.dbSaveSeconds],
};

/** The upper bounds of the histograms' buckets, in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Registers the metrics of an open store with OpenTelemetry, under the names that `swing-store metrics` has.
 *
 * @param {import('@opentelemetry/api').Meter} meter such as the `metricMeter` of cosmic-swingset
 * @param {object} store
 * @param {string} store.path as it was given to `openSwingStore`
 * @param {import('@agoric/swing-store').SwingStoreHostStorage} store.hostStorage
 * @param {import('@agoric/swing-store').MeasureOptions} [store.measureOptions] such as `archivedIn`
 * @param {number} [store.interval] the time between two measurements of the contents, in milliseconds
 * @returns {{ measure: () => Promise<void>, unregister: () => void }} functions that measure the contents now, and that
 *   end all of this. Call the second one before you close the store.
 */
export const registerSwingStoreMetrics = (
  meter,
  { path, hostStorage, measureOptions, interval = MEASURE_INTERVAL },
) => {
  /** The last measurement of the contents. */
  let stored = {};
  const measure = async () => {
    stored = await measureSwingStore(path, measureOptions);
  };
  const timer = setInterval(() => {
    // The next measurement may succeed. Prometheus sees from `swing_store_measured_timestamp_seconds` that this one failed.
    measure().catch(error => console.error('the store could not be measured:', error));
  }, interval);
  timer.unref();

  const instruments = metricDefinitions
    .filter(({ type }) => type !== 'histogram')
    .map(({ name, type, unit, help, label }) => {
      const options = { description: help, unit };
      const instrument =
        type === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
      return { name, label, instrument };
    });
  const observe = result => {
    const metrics = { ...stored, ...hostStorage.metrics() };
    for (const { name, label, instrument } of instruments) {
      const value = metrics[name];
      if (typeof value === 'number') result.observe(instrument, value);
      else for (const [of, number] of Object.entries(value ?? {})) result.observe(instrument, number, { [label]: of });
    }
  };
  const observables = instruments.map(({ instrument }) => instrument);
  meter.addBatchObservableCallback(observe, observables);

  const subscriptions = Object.entries(HISTOGRAMS).map(([name, [channel, secondsOf]]) => {
    const { help, unit } = metricDefinitions.find(one => one.name === name);
    const advice = { explicitBucketBoundaries: BOUNDS };
    const histogram = meter.createHistogram(name, { description: help, unit, advice });
    const record = event => {
      // Other stores of this process publish events, too.
      if (event.path === path) histogram.record(secondsOf(event));
    };
    subscribe(channel, record);
    return () => unsubscribe(channel, record);
  });

  const unregister = () => {
    clearInterval(timer);
    meter.removeBatchObservableCallback(observe, observables);
    for (const end of subscriptions) end();
  };
  return { measure, unregister };
};
