// Small input that expands to large data, or endless input, causes an error without using much memory. Each case runs in a
// separate process, whose peak memory is measured.
import { execFile } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import test from 'ava';

const child = path.join(import.meta.dirname, '../support/robustness/programs/bomb.mjs');

/**
 * Runs a bomb in a child process.
 *
 * @param {string} kind  the kind of bomb
 * @param {number} mib  its decompressed size
 * @returns {Promise<{ refusal: string | null, grown: number, asked: number }>} grown, asked: MiB
 */
const throwBomb = async (kind, mib) => {
  const { stdout } = await promisify(execFile)(process.execPath, [child, kind, `${mib}`], { timeout: 120_000 });
  return JSON.parse(stdout);
};

/** The error's message, and the most MiB by which the process may grow. Items and bundles are held in memory. */
const bombs = {
  'a gzip bomb as a snapshot of an archive': { mib: 320, says: /too long/, most: 120 },
  'a gzip bomb as a transcript of an archive': { mib: 160, says: /too long/, most: 480 },
  'a gzip bomb as a snapshot of an export': { mib: 320, says: /hash/, most: 120 },
  'a gzip bomb as a transcript of an export': { mib: 160, says: /transcript/, most: 900 },
  'a gzip bomb in the database': { mib: 320, says: /hash/, most: 120 },
  'an overlapping zip': { mib: 2000, says: /members overlap/, most: 80 },
  'a transcript without a newline': { mib: 160, says: /transcript/, most: 900 },
  'a transcript without an end': { mib: 0, says: /is not complete/, most: 120, asks: 64 },
  'a bundle without an end': { mib: 0, says: /too long: more than 134217728 bytes/, most: 480, asks: 200 },
  'a snapshot that is another and large': { mib: 320, says: /hash/, most: 120 },
};

for (const [kind, { mib, says, most, asks = Infinity }] of Object.entries(bombs)) {
  test.serial(kind, async t => {
    const { refusal, grown, asked } = await throwBomb(kind, mib);
    t.log({ refusal: refusal?.slice(0, 200), grown, asked });
    t.regex(refusal ?? '', says);
    t.true(grown < most, `the process has grown by ${grown} MiB`);
    t.true(asked < asks, `it was asked for ${asked} MiB`);
  });
}
