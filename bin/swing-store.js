#!/usr/bin/env node
'use strict';

const native = require('../js/native.js');

const commandLine = native.makeCommandLine(
  process.argv
    .slice(2)
    .map(argument => `${argument}\0`)
    .join(''),
);

// The first signal lets the work end cleanly. Whatever is half done when the second one ends the process is in a hidden
// directory, or in a transaction that was not committed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => commandLine.abort());
}

commandLine.run().then(
  code => {
    process.exitCode = code;
  },
  error => {
    console.error(`error: ${error.message}`);
    process.exitCode = 3;
  },
);
