'use strict';

// When a process ends, writes a file with the mutants that it reached and its computing time.
const fs = require('node:fs');
const path = require('node:path');
const { threadId } = require('node:worker_threads');

const directory = process.env.SWING_STORE_MUTANT_COVERAGE;

if (directory) {
  process.on('exit', () => {
    const reached = Object.keys(globalThis.__stryker__?.mutantCoverage?.static ?? {});
    const { user, system } = process.cpuUsage();
    const file = path.join(directory, `${process.pid}-${threadId}-${process.hrtime.bigint()}`);
    // In a thread, `cpuUsage` is that of the whole process.
    fs.writeFileSync(file, JSON.stringify({ reached, cpu: threadId === 0 ? (user + system) / 1000 : 0 }));
  });
}
