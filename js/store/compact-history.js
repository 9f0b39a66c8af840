'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');

const { check } = require('../common/errors.js');
const { harden } = require('../common/harden.js');

/**
 * Makes a function that compresses a store's history in steps of a few milliseconds.
 *
 * @param {Record<string, (...args: any[]) => any>} fns the store's functions
 */
const makeCompactHistory = fns => async shouldGoOn => {
  check(shouldGoOn === undefined || typeof shouldGoOn === 'function', 'shouldGoOn must be a function');
  fns.beginCompaction();
  const counts = { spans: 0, items: 0, itemBytes: 0, compressedBytes: 0, incomplete: 0 };
  const damaged = [];
  for (;;) {
    if (shouldGoOn && !shouldGoOn()) return harden({ ...counts, damaged, done: false });
    const step = JSON.parse(fns.compactStep());
    for (const name of Object.keys(counts)) counts[name] += step[name];
    damaged.push(...step.damaged);
    if (step.done || step.isInBlock) return harden({ ...counts, damaged, done: step.done });
    // The host's other work goes on between two steps.
    await nextTurn();
  }
};

module.exports = { makeCompactHistory };
