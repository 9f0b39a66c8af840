'use strict';

const native = require('./native.js');

/** The variable with the filter of the log. */
const VARIABLE = 'RUST_LOG';

/** The filter that was applied last. */
let last = '';

/** Starts logging if the variable is set. The first valid filter applies to the rest of the process. */
const startLogging = () => {
  const filter = process.env[VARIABLE] ?? '';
  if (filter === last) return;
  last = filter;
  try {
    native.startLogging(filter);
  } catch (error) {
    // Other programs' filters may be of another form.
    process.emitWarning(`${VARIABLE} is ignored: ${error.message}`, 'swing-store-native');
  }
};

module.exports = { startLogging };
