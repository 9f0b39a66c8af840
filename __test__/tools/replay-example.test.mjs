// examples/replay with workers that pretend: what it feeds them, what it compares, what it reports, and what it refuses.
// `npm run test:kernel` runs it with real workers on the stores of a real kernel.
import fs from 'node:fs';
import path from 'node:path';

import test from 'ava';

import { HELP, parseOptions } from '../../examples/replay/lib/options.js';
import { firstDifference } from '../../examples/replay/lib/divergence.js';
import { main } from '../../examples/replay/lib/main.js';
import { makeProgress } from '../../examples/replay/lib/report.js';
import * as api from '../../index.mjs';
import { bundles } from '../support/common/bundles.mjs';
import { addVat, workerOptions } from '../support/common/history-store.mjs';
import { makeTempDir, removeDir } from '../support/common/world.mjs';
import { heapImage, makeFakeXsnap, workerEnded } from '../support/tools/fake-xsnap.mjs';

const { b0a, b1a } = bundles;

const call = (s, ...result) => ({ s, r: ['ok', ...result] });

const delivery = ({ position }) =>
  JSON.stringify({
    d: ['message', 'o+0', { methargs: { body: `#["é",${position}]`, slots: [] }, result: null }],
    sc: [
      call(['vatstoreGet', `count ${position}`], `${position}`),
      call(['send', 'o-50', { methargs: { body: `#[${position}]`, slots: ['o+1'] } }], null),
    ],
    r: { status: 'ok', metering: { computrons: 1000 + position } },
  });

/** How the vats of this file's stores behave. */
const how = {
  options: vatID => ({ workerOptions, name: `name of ${vatID}` }),
  bundleIDs: [b1a.id],
  delivery,
  async *image(vatID, position) {
    yield heapImage(vatID, position);
  },
};

// The positions of v6: incarnation 0 is 0-4 and 5-10; incarnation 1 is 11-14 and 15-18.
const incarnations = [
  [3, 4],
  [2, 3],
];

/** Makes a store in which v6 has two incarnations, v1 a local worker, and v9 was terminated. */
const makeStore = async (dir, { options = how.options } = {}) => {
  const { kernelStorage, hostStorage } = api.initSwingStore(dir, { keepSnapshots: true });
  const { kvStore, bundleStore, transcriptStore, snapStore } = kernelStorage;
  hostStorage.kvStore.set('host.height', '7');
  for (const { id, bundle } of [b0a, b1a]) bundleStore.addBundle(id, bundle);
  kvStore.set('vat.dynamicIDs', '["v1","v6","v9"]');
  await addVat(kernelStorage, 'v6', incarnations, { ...how, options });
  const local = () => ({ workerOptions: { type: 'local' }, name: 'local' });
  await addVat(kernelStorage, 'v1', [[1]], { ...how, options: local });
  await addVat(kernelStorage, 'v9', [[1]], how);
  await transcriptStore.stopUsingTranscript('v9');
  await snapStore.deleteVatSnapshots('v9');
  await hostStorage.commit();
  await hostStorage.close();
};

/** Changes a store. */
const changeStore = async (dir, change) => {
  const { kernelStorage, hostStorage, debug } = api.openSwingStore(dir);
  change({ db: debug.getDatabase(), ...kernelStorage });
  await hostStorage.commit();
  await hostStorage.close();
};

const readAll = async (dir, vatID) => {
  const history = api.openSwingStoreHistory(dir);
  const items = [];
  for await (const item of history.readItems(vatID)) items.push(item);
  await history.close();
  return items;
};

/** Changes the item at a position of v6. */
const editItem = (position, edit) => ({
  change({ db }) {
    const [{ item }] = db
      .prepare('SELECT item FROM transcriptItems WHERE vatID = ? AND position = ?')
      .all('v6', position);
    const changed = JSON.parse(item);
    edit(changed);
    db.prepare('UPDATE transcriptItems SET item = ? WHERE vatID = ? AND position = ?').run(
      JSON.stringify(changed),
      'v6',
      position,
    );
  },
});

// Stores in memory are made faster.
const base = makeTempDir();
const under = (...parts) => path.join(base, ...parts);
let original;

test.before(async () => {
  await makeStore(under('original'));
  original = await readAll(under('original'), 'v6');
});
test.after.always(() => removeDir(base));

let directories = 0;

/** Makes a store, and returns a function that runs the program on it. */
const setUp = async (t, settings = {}) => {
  directories += 1;
  const dir = under(`${directories}`);
  const inside = (...parts) => path.join(dir, ...parts);
  fs.mkdirSync(dir);
  if (settings.options) await makeStore(inside('store'), settings);
  else fs.cpSync(under('original'), inside('store'), { recursive: true });
  if (settings.change) await changeStore(inside('store'), settings.change);
  const run = async (args, { faults, directory = inside('store'), interruptAt } = {}) => {
    const handlers = new Map();
    const interrupt = ({ position }) => {
      if (position === interruptAt?.position) for (const name of interruptAt.signals) handlers.get(name)(name);
    };
    const fake = makeFakeXsnap(original, { deliver: interrupt, ...faults });
    let stdout = '';
    let stderr = '';
    fs.mkdirSync(inside('temporary'), { recursive: true });
    const code = await main([directory, ...args], {
      api,
      xsnap: fake.xsnap,
      version: '1.2.3',
      stdout: { write: text => void (stdout += text) },
      stderr: { write: text => void (stderr += text) },
      onSignal: (name, handler) => handlers.set(name, handler),
      makeTemporary: () => fs.mkdtempSync(inside('temporary/')),
      removeTemporary: temporary => fs.rmSync(temporary, { recursive: true }),
    });
    t.is(fake.running(), 0, 'all workers have ended');
    t.deepEqual(fs.readdirSync(inside('temporary')), [], 'temporary files are removed');
    return { code, stdout, stderr, log: fake.log, json: args.includes('--json') ? JSON.parse(stdout) : undefined };
  };
  return { at: inside, run };
};

test('a worker gets what a kernel gives it, and equals the record', async t => {
  const { run } = await setUp(t);
  const { code, stdout, stderr, log } = await run(['--vat', 'v6', '--incarnation', '0']);
  t.is(stderr, '');
  t.regex(
    stdout,
    /^v6 \(name of v6\), incarnation 0, positions 0 to 10, from bundles\n {2}equal: 7 deliveries, 14 system calls, 1 heap image, in \d+\.\d s\n1 replay equal to the record\n$/,
  );
  t.is(code, 0);
  const [first, lockdown, code1, second, ...more] = log;
  t.deepEqual(first, { start: 'bundles', name: 'replay:v6', meteringLimit: 0 });
  t.deepEqual(lockdown, { evaluate: `(${b0a.bundle.source}\n)()` });
  t.deepEqual(code1, {
    setBundle: ['v6', b1a.bundle, { enableDisavow: false, relaxDurabilityRules: false }],
  });
  t.deepEqual(second, { start: 4, name: 'replay:v6', meteringLimit: 0 });
  t.deepEqual(more, []);
});

test('the options of the vat and the kernel reach the worker', async t => {
  const options = vatID => ({ ...how.options(vatID), enableDisavow: true, meterID: 'm1' });
  const change = ({ kvStore }) => kvStore.set('kernel.relaxDurabilityRules', 'true');
  const { run } = await setUp(t, { options, change });
  const { code, log } = await run(['--vat', 'name of v6']);
  t.is(code, 0);
  t.is(log[0].meteringLimit, undefined, 'the default limit');
  t.deepEqual(log[2].setBundle[2], { enableDisavow: true, relaxDurabilityRules: true });
});

test('all incarnations, with restarted and with continued workers', async t => {
  const { run } = await setUp(t);
  const { code, json } = await run(['--vat', 'v6', '--incarnation', 'all', '--at-snapshot', 'both', '--json']);
  t.is(code, 0);
  t.like(json, { isEqual: true, skipped: [] });
  t.deepEqual(
    json.replays.map(({ incarnation, atSnapshot, start, startPos, endPos, lastPosition, deliveries, images }) => [
      ...[incarnation, atSnapshot, start, startPos, endPos, lastPosition, deliveries, images.equal],
    ]),
    [
      [0, 'restart', 'initialize-worker', 0, 11, 10, 7, 1],
      [0, 'continue', 'initialize-worker', 0, 11, 10, 7, 1],
      [1, 'restart', 'initialize-worker', 11, 19, 18, 5, 1],
      [1, 'continue', 'initialize-worker', 11, 19, 18, 5, 1],
    ],
  );
  for (const replay of json.replays) {
    t.like(replay, { vatID: 'v6', name: 'name of v6', syscalls: 2 * replay.deliveries, divergence: null, image: null });
    t.deepEqual(replay.computrons, { compared: replay.deliveries, different: 0, firstDifferent: null });
  }
  const { stdout } = await run(['--vat', 'v6', '--at-snapshot', 'both']);
  t.regex(stdout, /from bundles, and restart at snapshots\n[^]*and continue at snapshots\n[^]*\n2 replays equal/);
});

test('all vats: others than those of xsnap are skipped', async t => {
  const { run } = await setUp(t);
  const { code, stdout, stderr } = await run(['--all-vats']);
  t.is(code, 0, stderr);
  t.regex(stdout, /v1: skipped: its worker is of the type local, not xsnap\n/);
  t.regex(stdout, /v9: skipped: it is gone\n/);
  t.regex(stdout, /\n1 replay equal to the record; 2 vats skipped\n$/);
  const refused = await run(['--vat', 'v1']);
  t.is(refused.code, 2);
  t.is(refused.stderr, 'error: v1 cannot be replayed: its worker is of the type local, not xsnap\n');
});

/** Divergences: what is changed, the position in v6, and the report. */
const divergences = {
  'an argument of a system call': [
    editItem(2, ({ sc }) => void (sc[1].s[2].methargs.slots[0] = 'o+2')),
    2,
    { kind: 'syscall', syscall: 1, difference: '[2].methargs.slots[0]' },
    /position 2: system call 1 differs[^]*recorded {2}\["send"[^]*first at {2}\[2\]\.methargs\.slots\[0\]: recorded "o\+2", replayed "o\+1"/,
  ],
  'a system call that was not recorded': [
    editItem(3, ({ sc }) => void sc.pop()),
    3,
    { kind: 'extra-syscall', syscall: 1, recorded: null, replayed: ['send', 'o-50'] },
    /the record has no system call 1/,
  ],
  'a system call that is not made': [
    editItem(3, ({ sc }) => void sc.push(sc[0])),
    3,
    { kind: 'missing-syscall', syscall: 2, recorded: ['vatstoreGet', 'count 3'], replayed: null },
    /system call 2 was not made/,
  ],
  'the answer to a system call': [
    editItem(7, ({ sc }) => void (sc[0].r[1] = 'something else')),
    7,
    { kind: 'syscall', syscall: 1, replayed: ['vatstoreSet', 'unexpected', '["ok","something else"]'] },
    /position 7/,
  ],
  'a result': [
    editItem(8, ({ r }) => void (r.status = 'error')),
    8,
    { kind: 'result', recorded: 'error', replayed: 'ok' },
    /the result differs[^]*recorded {2}"error"\n {4}replayed {2}"ok"/,
  ],
  'a delivery': [
    editItem(9, ({ d }) => void (d[2].methargs.body = '#[]')),
    9,
    { kind: 'result', recorded: 'ok', replayed: 'error', problem: 'unknown delivery' },
    /position 9/,
  ],
  'the hash of an image': [
    editItem(4, ({ r }) => void (r.snapshotID = '0'.repeat(64))),
    4,
    { kind: 'image', recorded: '0'.repeat(64), size: heapImage('v6', 4).length },
    /position 4: the heap image differs[^]*--until 4 --ignore-images writes/,
  ],
};

for (const [what, [edit, position, expected, text]] of Object.entries(divergences)) {
  test(`a divergence: ${what}`, async t => {
    const { at, run } = await setUp(t, edit);
    const args = ['--vat', 'v6', '--incarnation', '0'];
    const { code, json } = await run([...args, '--json']);
    t.is(code, 1);
    t.false(json.isEqual);
    const [{ divergence, lastPosition, deliveries }] = json.replays;
    t.like(divergence, { position, ...expected });
    t.is(lastPosition, position - 1, 'positions before are equal');
    t.is(deliveries, position > 5 ? position - 3 : position - 1);
    const printed = await run(args);
    t.is(printed.code, 1);
    t.regex(printed.stdout, text);
    t.regex(printed.stdout, /\n {2}equal before: [^]*\n1 of 1 replay diverges\n$/);
    // A replay that ends before that position is equal.
    t.is((await run([...args, '--until', `${position - 1}`, '--image', at('image')])).code, 0);
  });
}

test('images and computrons that differ count if the options say so', async t => {
  const { run } = await setUp(t);
  const args = ['--vat', 'v6', '--incarnation', '0'];
  const faults = { image: made => Buffer.concat([made, Buffer.from('!')]), computrons: 1 };
  const usual = await run([...args, '--json'], { faults });
  t.is(usual.code, 1);
  t.like(usual.json.replays[0].divergence, { position: 4, kind: 'image' });
  t.like(usual.json.replays[0].computrons, { compared: 3, different: 3 });

  const ignored = await run([...args, '--ignore-images', '--json'], { faults });
  t.is(ignored.code, 0);
  const [{ images, computrons, deliveries }] = ignored.json.replays;
  t.is(deliveries, 7);
  t.like(images, { equal: 0, different: 1 });
  t.is(images.firstDifferent.position, 4);
  t.deepEqual(computrons, {
    compared: 7,
    different: 7,
    firstDifferent: { position: 1, recorded: 1001, replayed: 1002 },
  });
  const printed = await run([...args, '--ignore-images'], { faults });
  t.regex(printed.stdout, /\n {2}1 heap image differs from the record, at position 4\n/);
  t.regex(
    printed.stdout,
    /computrons differ in 7 of 7 deliveries, first at position 1: recorded 1001, replayed 1002\n/,
  );

  const strict = await run([...args, '--compare-computrons', '--json'], { faults });
  t.is(strict.code, 1);
  t.like(strict.json.replays[0].divergence, { position: 1, kind: 'computrons', recorded: 1001, replayed: 1002 });
});

test('one of two workers diverges, and the other one continues', async t => {
  const { run } = await setUp(t);
  const deliver = ({ position, restarted }) => {
    if (restarted && position === 7) throw workerEnded('ExitSignal', 'SIGSEGV');
  };
  const args = ['--vat', 'v6', '--incarnation', '0', '--at-snapshot', 'both', '--json'];
  const { code, json } = await run(args, { faults: { deliver } });
  t.is(code, 1);
  const [restart, other] = json.replays;
  t.like(restart.divergence, { position: 7, kind: 'worker', problem: 'the worker exited: SIGSEGV' });
  t.like(other, { divergence: null, lastPosition: 10, deliveries: 7 });
});

test('workers that end', async t => {
  const { run } = await setUp(t);
  const args = ['--vat', 'v6', '--incarnation', '0', '--json'];
  const failing = error => ({
    faults: {
      deliver: ({ position }) => {
        if (position === 2) throw error;
      },
    },
  });

  // A kernel takes a limit that was reached for the result of the delivery.
  for (const [exitCode, problem] of [
    [11, 'Allocate meter exceeded'],
    [12, 'Stack meter exceeded'],
    [17, 'Compute meter exceeded'],
  ]) {
    const { code, json } = await run(args, failing(workerEnded('ExitCode', exitCode)));
    t.is(code, 1);
    t.like(json.replays[0].divergence, { position: 2, kind: 'result', recorded: 'ok', replayed: 'error', problem });
  }
  for (const error of [
    workerEnded('ExitCode', 15),
    workerEnded('ExitSignal', 'SIGABRT'),
    Error('Uncaught exception in replay:v6: oops'),
    Error('replay:v6 exited'),
  ]) {
    const { code, json } = await run(args, failing(error));
    t.is(code, 1);
    t.like(json.replays[0].divergence, { position: 2, kind: 'worker', problem: error.message });
  }
  // Others are no statement about the replay.
  const killed = await run(args, failing(workerEnded('ExitSignal', 'SIGKILL')));
  t.is(killed.code, 2);
  t.regex(killed.json.error.message, /something else ended the worker/);
  const fault = await run(args, failing(TypeError('a fault of the program')));
  t.is(fault.code, 2);
  t.regex(fault.json.error.message, /^TypeError: a fault of the program\n {4}at /);
});

test('a worker that does not load the bundle', async t => {
  const refused = { ...b1a.bundle, refused: true };
  // Old kernels kept bundles among the keys.
  const change = ({ kvStore, bundleStore }) => {
    bundleStore.deleteBundle(b1a.id);
    kvStore.set(`bundle.${b1a.id}`, JSON.stringify(refused));
  };
  const { run } = await setUp(t, { change });
  const { code, json, log } = await run(['--vat', 'v6', '--json']);
  t.deepEqual(log[2].setBundle[1], refused);
  t.is(code, 1);
  const [{ divergence, lastPosition }] = json.replays;
  t.like(divergence, { position: 11, kind: 'worker', delivery: null });
  t.is(divergence.problem, "it does not load the vat's bundle: TypeError: no such module");
  t.is(lastPosition, null);
});

test('from a snapshot', async t => {
  const { run } = await setUp(t);
  const last = await run(['--vat', 'v6', '--from-snapshot', '--json']);
  t.is(last.code, 0);
  t.like(last.json.replays[0], { start: 'load-snapshot', startPos: 15, endPos: 19, deliveries: 3 });
  t.deepEqual(last.log, [{ start: 14, name: 'replay:v6', meteringLimit: 0 }]);

  const chosen = await run(['--vat', 'v6', '--start', '5']);
  t.is(chosen.code, 0);
  t.regex(chosen.stdout, /incarnation 0, positions 5 to 10, from a snapshot\n {2}equal: 4 deliveries/);

  for (const [args, message] of [
    [['--start', '6'], /^error: no span of v6 starts at 6: the one before starts at 5\n$/],
    [['--start', '11'], /^error: incarnation 1 of v6 starts at 11, from bundles: omit --start\n$/],
    [['--start', '0'], /^error: incarnation 0 of v6 starts at 0, from bundles/],
    [['--start', '5', '--incarnation', '1'], /^error: position 5 of v6 is in incarnation 0, not 1\n$/],
    [['--incarnation', '2'], /no incarnation 2/],
  ]) {
    const { code, stderr } = await run(['--vat', 'v6', ...args]);
    t.is(code, 2);
    t.regex(stderr, message);
  }
});

test('a snapshot that is damaged, or has no record', async t => {
  const spoil = ({ db }) => {
    db.exec(`UPDATE snapshots SET hash = '${'1'.repeat(64)}' WHERE vatID = 'v6' AND snapPos = 4`);
    db.exec(`DELETE FROM snapshots WHERE vatID = 'v6' AND snapPos = 14`);
  };
  const { run } = await setUp(t, { change: spoil });
  const damaged = await run(['--vat', 'v6', '--start', '5']);
  t.is(damaged.code, 2);
  t.regex(damaged.stderr, /snapshot\.v6\.4 is damaged[^]*swing-store verify/);
  const none = await run(['--vat', 'v6', '--start', '15']);
  t.is(none.code, 2);
  t.regex(none.stderr, /the store has no record of a snapshot of v6 at 14/);
});

test('until a position', async t => {
  const { at, run } = await setUp(t);
  const args = ['--vat', 'v6', '--incarnation', '0'];
  const before = await run([...args, '--until', '3', '--image', at('three'), '--json']);
  t.is(before.code, 0);
  const [{ image, endPos, deliveries }] = before.json.replays;
  t.like(image, { file: at('three'), size: heapImage('v6', 4).length, artifact: 'snapshot.v6.4', isEqual: true });
  t.is(endPos, 4);
  t.is(deliveries, 3);
  t.deepEqual(fs.readFileSync(at('three')), heapImage('v6', 4));
  t.is(fs.statSync(at('three')).mode & 0o777, 0o600, 'heaps may contain secrets');

  const again = await run([...args, '--until', '3', '--image', at('three')]);
  t.is(again.code, 2);
  t.regex(again.stderr, /three exists: remove it, or name another file with --image/);

  // The position of the save-snapshot itself, of the load-snapshot, of a delivery, and of the shutdown.
  for (const [until, position, text] of [
    [4, 4, /equal to the recorded snapshot\.v6\.4\n/],
    [5, 4, /bytes, SHA-256 [0-9a-f]{64}\n/],
    [7, 8, /bytes, SHA-256 [0-9a-f]{64}\n/],
    [10, 10, /bytes, SHA-256 [0-9a-f]{64}\n/],
  ]) {
    const { code, stdout } = await run([...args, '--until', `${until}`, '--image', at(`${until}`)]);
    t.is(code, 0, `${until}`);
    t.regex(stdout, text);
    t.deepEqual(fs.readFileSync(at(`${until}`)), heapImage('v6', position));
  }
  const different = await run([...args, '--until', '4', '--image', at('different'), '--ignore-images'], {
    faults: { image: made => Buffer.concat([made, Buffer.from('!')]) },
  });
  t.regex(different.stdout, /and differs from the recorded snapshot\.v6\.4\n/);
  const outside = await run([...args, '--until', '11']);
  t.is(outside.code, 2);
  t.regex(outside.stderr, /--until 11 is outside of the replay, which has the positions 0 to 10/);
  t.deepEqual(
    fs.readdirSync(at()).filter(name => name.includes('unfinished')),
    [],
  );
});

test('an export', async t => {
  const { at, run } = await setUp(t);
  for (const [artifactMode, args, deliveries] of [
    ['replay', ['--vat', 'v6'], 5],
    ['archival', ['--vat', 'v6', '--incarnation', '0'], 7],
    ['debug', ['--vat', 'v6', '--start', '5'], 4],
    ['operational', ['--vat', 'v6', '--from-snapshot'], 3],
  ]) {
    const directory = at(artifactMode);
    await api.exportSwingStoreToDirectory(at('store'), directory, { artifactMode });
    const { code, json } = await run([...args, '--json'], { directory });
    t.is(code, 0, artifactMode);
    t.is(json.replays[0].deliveries, deliveries);
  }
  const lacking = await run(['--vat', 'v6'], { directory: at('operational') });
  t.is(lacking.code, 2);
  t.regex(
    lacking.stderr,
    /^error: the export lacks transcript\.v6\.11\.15, which the replay of v6 needs\. Export the store/,
  );
  const neither = await run(['--vat', 'v6'], { directory: at() });
  t.is(neither.code, 2);
  t.regex(neither.stderr, /is neither a store nor an export: it has no file swingstore\.sqlite and no export-manifest/);
  // An import fails for a reason that the error says.
  fs.appendFileSync(at('replay', 'transcript.v6.11.15'), 'x\n');
  const damaged = await run(['--vat', 'v6'], { directory: at('replay') });
  t.is(damaged.code, 2);
  t.regex(damaged.stderr, /^error: .*transcript\.v6\.11\.15/);
});

test('a store that was pruned, and repopulated from an archive', async t => {
  const { at, run } = await setUp(t);
  await api.archiveSwingStore(at('store'), at('archive'));
  await api.pruneSwingStore(at('store'), { keep: 'operational' });
  for (const args of [['--vat', 'v6'], ['--all-vats']]) {
    const { code, stderr, log } = await run(args);
    t.is(code, 2);
    t.deepEqual(log, [], 'no worker was started');
    t.regex(
      stderr,
      /the store lacks transcript\.v6\.11\.15, which the replay of v6 needs\..* give it as --history-from/,
    );
    t.regex(stderr, /swing-store repopulate --state-dir \S+ --from PLACE --artifact-mode debug/);
  }
  t.is((await run(['--vat', 'v6', '--from-snapshot'])).code, 0, 'the current span is never pruned');
  const image = await run(['--vat', 'v6', '--start', '5']);
  t.regex(image.stderr, /lacks snapshot\.v6\.4, transcript\.v6\.5\.11, which/);
  await api.repopulateSwingStoreFromDirectory(at('archive'), at('store'), { artifactMode: 'debug' });
  t.is((await run(['--vat', 'v6', '--incarnation', 'all'])).code, 0);
  t.is((await run(['--vat', 'v6', '--start', '5'])).code, 0);
});

test('a store that was pruned, with history from an archive', async t => {
  const { at, run } = await setUp(t);
  await api.archiveSwingStore(at('store'), at('archive'));
  await api.pruneSwingStore(at('store'), { keep: 'operational' });
  const from = ['--history-from', at('archive')];
  const { code, json } = await run(['--vat', 'v6', '--incarnation', 'all', ...from, '--json']);
  t.is(code, 0, JSON.stringify(json));
  t.deepEqual(
    json.replays.map(({ deliveries, images }) => [deliveries, images.equal]),
    [
      [7, 1],
      [5, 1],
    ],
  );
  const image = await run(['--vat', 'v6', '--start', '5', ...from]);
  t.is(image.code, 0, image.stderr);
  const history = api.openSwingStoreHistory(at('store'));
  t.is((await history.getVat('v6')).populatedSpans, 1, 'the store is as before');
  await history.close();

  // The place lacks something, or has something else.
  const [span, snapshot] = ['transcript.v6.0.5.gz', 'snapshot.v6.4.gz'];
  fs.rmSync(at('archive', span));
  const lacking = await run(['--vat', 'v6', '--incarnation', '0', ...from]);
  t.is(lacking.code, 2);
  t.regex(lacking.stderr, /the store and \S+archive lack transcript\.v6\.0\.5, which the replay of v6 needs/);
  fs.copyFileSync(at('archive', 'snapshot.v6.14.gz'), at('archive', snapshot));
  const other = await run(['--vat', 'v6', '--start', '5', ...from]);
  t.is(other.code, 2);
  t.regex(other.stderr, /snapshot\.v6\.4/);
  const nowhere = await run(['--vat', 'v6', '--history-from', at('nowhere')]);
  t.is(nowhere.code, 2);
  t.regex(nowhere.stderr, /nowhere/);
});

test('a store that was compacted', async t => {
  const { at, run } = await setUp(t);
  t.true((await api.compactSwingStore(at('store'))).spans > 0);
  const { code, json, stderr } = await run(['--vat', 'v6', '--incarnation', 'all', '--json']);
  t.is(code, 0, stderr);
  t.deepEqual(
    json.replays.map(({ deliveries }) => deliveries),
    [7, 5],
  );
});

test('vats that do not exist, and transcripts that no kernel writes', async t => {
  const cases = [
    [{}, ['--vat', 'v7'], /the store has no vat "v7": it has v1, v6, v9\n/],
    [editItem(2, item => void delete item.sc), [], /the item at position 2 is not one that .*: it has no system calls/],
    [editItem(2, item => void delete item.d), [], /position 2 .*: it has no delivery/],
    [editItem(2, item => void delete item.r), [], /position 2 .*: it has no result/],
    [editItem(2, ({ sc }) => void (sc[1] = 3)), [], /position 2 .*: its system call 1 \(sc\) is malformed/],
    [editItem(4, ({ r }) => void delete r.snapshotID), [], /position 4 .*: it has no snapshot ID/],
    [editItem(5, ({ d }) => void delete d[1].snapshotID), [], /position 5 .*: it has no snapshot ID/],
    [
      editItem(5, ({ d }) => void (d[1].snapshotID = 'x')),
      [],
      /v6 loads the snapshot x at position 5, and saved [0-9a-f]{64}/,
    ],
    [editItem(2, item => void (item.d = ['initialize-worker', {}])), [], /v6 starts a worker at position 2, amid/],
    [{ change: ({ db }) => db.exec("UPDATE transcriptItems SET item = x'22' WHERE position = 2") }, [], /position 2/],
  ];
  for (const [change, args, message] of cases) {
    const { run } = await setUp(t, change);
    const { code, stderr, stdout } = await run(['--incarnation', '0', ...(args.length > 0 ? args : ['--vat', 'v6'])]);
    t.is(code, 2, stderr);
    t.is(stdout, '');
    t.regex(stderr, message);
  }
});

test('an interrupt ends the workers and removes all files', async t => {
  const { at, run } = await setUp(t);
  const args = ['--vat', 'v6', '--until', '18', '--image', at('image'), '--json'];
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ]) {
    const { code, stderr, json } = await run(args, { interruptAt: { position: 13, signals: [signal] } });
    t.is(code, expected);
    t.is(stderr, `error: interrupted by ${signal}\n`);
    t.like(json, { error: { code: 'ERR_REPLAY_INTERRUPTED' } });
    t.false(fs.existsSync(at('image')));
  }
});

test('the command line', async t => {
  const { run } = await setUp(t);
  t.is((await run(['--help'])).stdout, HELP);
  t.is((await run(['--version'])).stdout, '1.2.3\n');
  for (const option of HELP.matchAll(/^ {2}(--[a-z-]+)/gm)) t.truthy(option[1]);
  const vat = ['--vat', 'v6'];
  for (const [args, message] of [
    [[], /say what to replay: --vat VAT or --all-vats/],
    [['--vta', 'v6'], /Unknown option '--vta'/],
    [['--vat'], /--vat <value>' argument missing/],
    [['other', ...vat], /one directory is expected, but there are 2 arguments/],
    [['--vat', ''], /--vat is empty/],
    [[...vat, ...vat], /a vat is given more than once/],
    [[...vat, '--all-vats'], /--vat and --all-vats exclude each other/],
    [[...vat, '--incarnation', 'first'], /--incarnation must be a whole number, 0 or greater, and is "first"/],
    [[...vat, '--incarnation', '-1'], /--incarnation/],
    [[...vat, '--incarnation', '9007199254740992'], /--incarnation must be a whole number/],
    [[...vat, '--until', '1.5'], /--until must be a whole number/],
    [[...vat, '--until', '1', '--until', '2'], /--until is given more than once/],
    [['--all-vats', '--until', '1'], /--until needs exactly one --vat and one incarnation/],
    [[...vat, '--incarnation', 'all', '--start', '1'], /--start needs exactly one --vat and one incarnation/],
    [[...vat, '--start', '5', '--until', '4'], /--start 5 is after --until 4/],
    [[...vat, '--start', '5', '--from-snapshot'], /--from-snapshot and --start exclude each other/],
    [[...vat, '--image', 'file'], /--image needs --until/],
    [[...vat, '--until', '1', '--image', 'file', '--at-snapshot', 'both'], /--image names one file/],
    [[...vat, '--at-snapshot', 'stop'], /--at-snapshot must be one of "restart", "continue", "both", and is "stop"/],
    [[...vat, '--progress', 'bar'], /--progress must be one of/],
    [[...vat, '--json=yes'], /--json/],
  ]) {
    const { code, stderr, stdout } = await run(args.filter(arg => arg !== undefined));
    t.is(code, 2, args.join(' '));
    t.regex(stderr, message);
    t.regex(stderr, /\n"--help" lists the options\.\n$/);
    t.is(stdout, args.includes('--json=yes') ? stdout : '');
  }
  const { json } = await run(['--json']);
  t.like(json, { error: { code: 'ERR_REPLAY_ARGUMENT' } });
  t.throws(() => parseOptions([]), { message: 'the directory of a store or an export is missing' });
});

test('every option is in the help', t => {
  const listed = new Set([...HELP.matchAll(/--[a-z][a-z-]+/g)].map(([option]) => option));
  t.true(listed.size > 15);
  for (const option of listed) {
    // An option that exists is refused only because its value, or another argument, is missing.
    const error = ['--help', '--version'].includes(option) ? undefined : t.throws(() => parseOptions([option]));
    t.notRegex(error?.message ?? '', /Unknown option/, option);
  }
});

test('what vats write to their console, and control characters', async t => {
  const { run } = await setUp(
    t,
    editItem(2, ({ sc }) => void (sc[0].s[1] = '\u001b[31m\u009b\u202e')),
  );
  const { stdout, stderr } = await run(['--vat', 'v6', '--incarnation', '0', '--console']);
  t.regex(stderr, /^v6 vat log at 1\n/);
  t.regex(stdout, /\\u001b\[31m\\u009b\\u202e/);
  for (const character of ['\u001b', '\u009b', '\u202e']) t.false((stdout + stderr).includes(character));
});

test('progress', t => {
  let time = 0;
  const written = [];
  const make = (when, isTTY) => makeProgress(when, { isTTY, write: text => written.push(text) }, () => time);
  const use = (...settings) => {
    written.length = 0;
    time = 0;
    const progress = make(...settings);
    for (const text of ['a', 'b', 'c']) {
      time += 4000;
      progress.show(text);
    }
    progress.clear();
    progress.clear();
    return [...written];
  };
  t.deepEqual(use('auto', true), ['\r\u001b[Ka', '\r\u001b[Kb', '\r\u001b[Kc', '\r\u001b[K']);
  t.deepEqual(use('auto', false), []);
  t.deepEqual(use('none', true), []);
  t.deepEqual(use('lines', false), ['b\n']);
});

test('the first difference of two values', t => {
  const cases = [
    [[1, { a: 'x' }], [1, { a: 'x' }], undefined],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, undefined],
    [[1, { a: 'x' }], [1, { a: 'y' }], '[1].a'],
    [[1], [1, 2], '[1]'],
    [{ a: 1 }, {}, '.a'],
    [[], {}, ''],
    [null, {}, ''],
    ['1', 1, ''],
  ];
  for (const [a, b, expected] of cases) t.is(firstDifference(a, b), expected, JSON.stringify([a, b]));
});
