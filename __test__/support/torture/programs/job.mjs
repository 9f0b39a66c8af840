// Runs one job on a directory after it receives `go`: `job.mjs WORK BASE`.
import { writeSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { works } from '../jobs.mjs';
import { waitForGo } from '../kill-at-random.mjs';

const [, , what, base] = process.argv;
await waitForGo();
// The command line prints more on stdout.
writeSync(1, 'begun\n');
await works[what](name => path.join(base, name));
writeSync(1, 'done\n');
