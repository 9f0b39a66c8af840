'use strict';

const { performance } = require('node:perf_hooks');

const native = require('./native.js');

const names = native.storeFunctionNames();

/** One of so many calls of a kvStore's functions is timed: they are short, and reading the clock twice takes as long. */
const SAMPLED = 16;

/** The parts of a store, with the names of their functions. Those of no part belong to `other`. */
const PARTS = {
  kvStore: /kv|host|kernel/i,
  transcriptStore: /span|transcript|addItem|rollover/i,
  snapStore: /snapshot|hasHash/i,
  bundleStore: /bundle/i,
  cranks: /crank|activityhash/i,
  commit: /commit|exports/i,
};

const partOf = name => Object.keys(PARTS).find(part => PARTS[part].test(name)) ?? 'other';

/** Makes a function that counts the calls of `fn`, and their time in seconds. */
const timed = (fn, count) => (a, b, c, d, e, f) => {
  const begin = performance.now();
  try {
    return fn(a, b, c, d, e, f);
  } finally {
    count.calls += 1;
    count.seconds += (performance.now() - begin) / 1000;
  }
};

/** The same, with the time of every sixteenth call in place of all. */
const sampled = (fn, count) => (a, b, c, d, e, f) => {
  count.calls += 1;
  if (count.calls % SAMPLED !== 0) return fn(a, b, c, d, e, f);
  const begin = performance.now();
  try {
    return fn(a, b, c, d, e, f);
  } finally {
    count.seconds += ((performance.now() - begin) / 1000) * SAMPLED;
  }
};

/**
 * Makes the addon's functions for one store. Most stores use few of them, so each native function is made by its first
 * call. The JavaScript functions around them harden faster than native functions.
 *
 * @param {(name: string) => (...args: any[]) => any} bind makes the native function of that name
 * @returns {{ fns: any, measureCalls: () => Record<string, { calls: number, seconds: number }> }} an object with a
 *   function for each name, and a function that returns the counts of their calls by part of the store, since it was first
 *   called. Before, they cost nothing.
 */
const measuredFunctions = bind => {
  let counts;
  const forgets = [];
  const make = name => {
    const fn = bind(name);
    if (!counts) return fn;
    const part = partOf(name);
    return (part === 'kvStore' ? sampled : timed)(fn, counts[part]);
  };
  const fns = Object.fromEntries(
    names.map(name => {
      let made;
      // No function takes more than six arguments. Rest and spread would use the array iterator, which is slow after
      // lockdown has replaced its parts.
      const call = (a, b, c, d, e, f) => {
        made ||= make(name);
        return made(a, b, c, d, e, f);
      };
      forgets.push(() => (made = undefined));
      return [name, call];
    }),
  );
  const measureCalls = () => {
    if (!counts) {
      const parts = [...Object.keys(PARTS), 'other'];
      counts = Object.fromEntries(parts.map(part => [part, { calls: 0, seconds: 0 }]));
      // The next call of each function makes one that counts.
      for (const forget of forgets) forget();
    }
    return counts;
  };
  return { fns, measureCalls };
};

/**
 * Makes the addon's functions for one store, without measuring them.
 *
 * @param {(name: string) => (...args: any[]) => any} bind
 * @returns {any} an object with a function for each name
 */
const storeFunctions = bind => measuredFunctions(bind).fns;

module.exports = { measuredFunctions, storeFunctions };
