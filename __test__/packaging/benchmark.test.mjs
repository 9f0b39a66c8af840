/** The parts of the benchmark whose faults would hardly be noticed, and one run of it. */
import '@endo/init/debug.js';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { makeHeapImage } from '../../bench/lib/heap-image.mjs';
import { runLimit } from '../../bench/lib/limits.mjs';
import { makeItems, makeLargeStore } from '../../bench/lib/large-store.mjs';
import { machineLines } from '../../bench/lib/machine.mjs';
import { writeMarkdown } from '../../bench/lib/markdown.mjs';
import { makeRandom } from '../../bench/lib/random.mjs';
import { fixed, readSize, resolveSizes } from '../../bench/lib/sizes.mjs';
import { resultNotes } from '../../bench/lib/results.mjs';
import { compare, summarizeLimit } from '../../bench/lib/statistics.mjs';
import { makeChart } from '../../bench/lib/svg.mjs';
import { subject } from '../support/common/implementations.mjs';

const program = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url));

const makeDirectory = async t => {
  const dir = await mkdtemp(path.join(tmpdir(), 'swing-store-bench-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

test('sizes follow the scale, unless they are fixed or given', t => {
  const sizes = { keys: 1000, passes: fixed(4), rounds: 3 };
  t.deepEqual(resolveSizes(sizes, 1), { keys: 1000, passes: 4, rounds: 3 });
  t.deepEqual(resolveSizes(sizes, 0.01), { keys: 10, passes: 4, rounds: 1 });
  t.deepEqual(resolveSizes(sizes, 0.01, { passes: 2, keys: 7 }), { keys: 7, passes: 2, rounds: 1 });
});

test('sizes are read from the command line', t => {
  const phases = [{ name: 'kv-get', sizes: { keys: 1, reads: 1 } }];
  t.deepEqual(readSize('kv-get=1_000_000', phases), { phase: 'kv-get', size: 'keys', value: 1_000_000 });
  t.deepEqual(readSize('kv-get.reads=5', phases), { phase: 'kv-get', size: 'reads', value: 5 });
  t.is(readSize('kv-get.writes=5', phases), 'kv-get has no size writes; its sizes are keys, reads');
  t.is(readSize('kv-put=5', phases), 'there is no phase kv-put');
  t.regex(/** @type {string} */ (readSize('kv-get=0', phases)), /above 0/);
  t.regex(/** @type {string} */ (readSize('kv-get', phases)), /must be PHASE\.SIZE=N/);
});

test('ratios are those of medians, with and without commits', t => {
  const run = (wall, commit) => ({ wall, more: { commit } });
  const ours = [run(1, 0.5), run(2, 1), run(9, 1)];
  const reference = [run(10, 1), run(8, 1), run(9, 2)];
  const { ratio, outsideCommits, lowest, highest } = compare(ours, reference);
  t.is(ratio, 4.5);
  t.is(outsideCommits, 8);
  t.deepEqual([lowest, highest], [1, 10]);
  const { timesLimit, sha256 } = summarizeLimit({ what: 'less' }, [{ wall: 0.5, bytes: 1, cpu: null }], { wall: 2 });
  t.is(timesLimit, 4);
  t.is(sha256, undefined);
});

test('a limit adds its commands, and hashing as its phase says', async t => {
  const dir = await makeDirectory(t);
  const file = path.join(dir, 'command.mjs');
  const figures = '{ wall: Number(process.argv[2]), cpu: null, bytes: 1, transactions: [], sync: 7 }';
  await writeFile(file, `console.log(JSON.stringify(${figures}))`);
  let cold = 0;
  const how = {
    program: process.execPath,
    directories: { store: '', scratch: '', plan: dir },
    beforehand: async () => void (cold += 1),
    timeHash: async bytes => bytes / 100,
  };
  const command = ['plan:command.mjs', '2'];
  const { wall, sha256, sync, parts } = await runLimit({ command, hash: 300 }, how);
  t.deepEqual([wall, sha256, sync, parts], [2, 3, 7, undefined]);
  const commands = { a: command, b: ['plan:command.mjs', '0.5'] };
  const added = await runLimit({ commands, hash: 300, combine: 'sum' }, how);
  t.deepEqual([added.wall, added.cpu, added.sha256, added.sync], [5.5, null, undefined, undefined]);
  t.deepEqual(added.parts, { a: 2, b: 0.5, 'SHA-256': 3 });
  t.is((await runLimit({ commands: { a: command }, hash: 100, combine: 'largest' }, how)).wall, 2);
  t.is(cold, 4);
  const noteOf = (limit, run) => resultNotes([{ name: 'it', limit: summarizeLimit(limit, [run], { wall: 11 }) }])[0];
  t.is(noteOf({ what: 'less' }, added), 'limit of it: less (a 2.00 s, b 0.500 s, SHA-256 3.00 s)');
  t.is(
    noteOf({ what: 'less', host: { what: "the host's code" } }, { wall: 2, sha256, sync, host: 4 }),
    'limit of it: less; one pass of SHA-256 over the same bytes takes another 3.00 s; ' +
      "waiting for the disk takes another 7.00 s; the host's code alone takes 4.00 s",
  );
});

test('results say if the addon or the reference is a slower build than usual', t => {
  const machine = { versions: {}, memory: 2 ** 30, load: [0], runs: 1, scale: 1 };
  const linesOf = profile => machineLines({ ...machine, profile });
  for (const profile of ['release', undefined]) t.is(linesOf(profile).length, 3);
  t.regex(linesOf('quick').at(-2), /the addon is a quick build/);
  t.is(linesOf('quick').at(-1), '1 run each, full size');
  t.regex(machineLines({ ...machine, quickSqlite: true }).at(-2), /better-sqlite3 is a quick build/);
});

test('Markdown is replaced between its marks', async t => {
  const file = path.join(await makeDirectory(t), 'report.md');
  await writeFile(file, '# A report\n\nBefore.\n');
  const report = cell => ({
    machine: ['a machine'],
    table: { head: ['phase', 's'], rows: [['kv', cell]] },
    notes: ['so'],
  });
  await writeMarkdown(file, 'phases', report('1'));
  await writeFile(file, `${await readFile(file, 'utf8')}\nBehind.\n`);
  await writeMarkdown(file, 'phases', report('2'));
  const text = await readFile(file, 'utf8');
  t.regex(text, /^# A report\n\nBefore\.\n\n<!-- phases/);
  t.true(text.endsWith('<!-- end of phases -->\n\nBehind.\n'));
  t.true(text.includes('| phase | s |\n| --- | ---: |\n| kv | 2 |'));
  t.false(text.includes('| kv | 1 |'));
});

test('heap images are the same each time for a seed', t => {
  const image = makeHeapImage(1, 300_000);
  t.is(image.length, 300_000);
  t.true(image.equals(makeHeapImage(1, 300_000)));
  t.false(image.equals(makeHeapImage(2, 300_000)));
});

test('items of the large store compress as those of real vats', t => {
  const nextItem = makeItems(makeRandom(1));
  const items = Array.from({ length: 200 }, () => nextItem());
  for (const item of items) t.truthy(JSON.parse(item).sc);
  const span = Buffer.from(`${items.join('\n')}\n`);
  const average = span.length / items.length;
  t.true(average > 2300 && average < 2900, `${average}`);
  const ratio = span.length / gzipSync(span, { level: 6 }).length;
  t.true(ratio > 8 && ratio < 11, `${ratio}`);
});

test('the large store is a valid store with a snapshot in use for each vat', async t => {
  for (const order of /** @type {const} */ (['time', 'vats'])) {
    const dir = await makeDirectory(t);
    await makeLargeStore({ api: subject.api, input: dir }, { size: 0.002, order });
    const found = await subject.api.verifySwingStore(path.join(dir, 'store'), { artifactMode: 'archival' });
    t.deepEqual([found.ok, found.findings], [true, []]);
    t.is(found.snapshots.checked, 60);
    t.true(found.spans.checked > 60);
  }
});

test('a chart shows bars on both sides of 1', t => {
  const bar = (name, ratio, goal) => ({ name, goal, comparison: { ratio, lowest: ratio, highest: ratio } });
  const svg = makeChart([bar('slow', 0.5, 2), bar('fast', 3, 2), bar('without a goal', 0.7)], ['a < b']);
  t.is(svg.match(/class="bar/g)?.length, 3);
  t.is(svg.match(/class="bar missed"/g)?.length, 1);
  t.is(svg.match(/class="goal"/g)?.length, 2);
  t.true(svg.includes('a &lt; b'));
  t.false(svg.includes('NaN'));
});

test('both implementations do the same work in a run of some phases', async t => {
  const dir = await makeDirectory(t);
  const json = path.join(dir, 'results.json');
  const phases = ['kv-get', 'transcript-add', 'import'];
  const args = [program, '--phase', ...phases, '--scale', '0.002', '--runs', '1', '--no-limits', '--dir', dir];
  await promisify(execFile)(process.execPath, [...args, '--size', 'import.images=1', '--json', json]);
  const { results } = JSON.parse(await readFile(json, 'utf8'));
  t.deepEqual(
    results.map(({ name }) => name),
    phases,
  );
  for (const { runs } of results) t.is(runs.ours[0].work, runs.reference[0].work);
  t.is(results[0].sizes.reads, 2000);
});
