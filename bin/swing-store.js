#!/usr/bin/env node
'use strict';

/** Prints an error on one line and sets the exit code, as the command line itself does. */
const fail = error => {
  const message = error.message.replaceAll(/\s*\n\s*/g, ' ');
  console.error(`error: ${message}`);
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ error: { code: error.code ?? 'ERR_SWING_STORE', message } }, null, 2));
  }
  process.exitCode = 3;
};

const run = async () => {
  const native = require('../js/addon/native.js');
  const commandLine = native.makeCommandLine(
    process.argv
      .slice(2)
      .map(argument => `${argument}\0`)
      .join(''),
  );
  // The first signal ends the work cleanly. A second one ends the process; unfinished work is then in a hidden directory
  // or in an uncommitted transaction.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => commandLine.abort());
  }
  process.exitCode = await commandLine.run();
};

run().catch(fail);
