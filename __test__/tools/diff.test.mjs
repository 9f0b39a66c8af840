// Comparison of stores and exports, of either implementation.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import path from 'node:path';
import { runCli, runJson } from '../support/common/cli.mjs';
import { manifestName, writeAsCosmic } from '../support/common/cosmic-directory.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { makeAsKernel } from '../support/tools/kernel-like-store.mjs';
import { modes } from '../support/common/observe.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

const { diffSwingStores, openSwingStore, exportSwingStoreToDirectory } = subject.api;

// The reference has no such function.
const check = subjectIsReference ? test.skip : test;

const inBase = fn => t => inTempDir(base => fn(t, name => path.join(base, name)));

const noneOf = (count, more = {}) => ({ a: count, b: count, onlyA: 0, onlyB: 0, differing: 0, ...more });

check(
  'stores that both implementations made the same way, and their exports, do not differ',
  inBase(async (t, at) => {
    await makeAsKernel(reference.api, at('theirs'));
    await makeAsKernel(subject.api, at('ours'));
    const whole = await diffSwingStores(at('theirs'), at('ours'), { contents: true, localKeys: true });
    t.deepEqual(whole, {
      same: true,
      blockHeights: [42, 42],
      differences: [],
      leftOut: 0,
      records: noneOf(whole.records.a),
      localKeys: noneOf(1),
      artifacts: noneOf(24 + 3 + 3),
      contents: 30,
    });
    t.true(whole.records.a > 150);
    t.true(Object.isFrozen(whole) && Object.isFrozen(whole.differences));
    for (const artifactMode of modes) {
      fs.mkdirSync(at(artifactMode));
      await writeAsCosmic(reference.api, at('theirs'), at(artifactMode), { artifactMode, exportDataMode: 'all' });
      const { same, contents, artifacts, differences } = await diffSwingStores(at(artifactMode), at('ours'), {
        contents: true,
      });
      t.true(same, JSON.stringify(differences));
      t.is(contents, artifacts.a);
      const { artifacts: listed } = JSON.parse(fs.readFileSync(path.join(at(artifactMode), manifestName), 'utf8'));
      t.is(contents, listed.length);
    }
    // Against a lesser export, what it lacks is not asked for, unless it is.
    const more = await diffSwingStores(at('operational'), at('ours'), { artifactMode: 'archival' });
    t.deepEqual([more.same, more.artifacts.onlyA, more.artifacts.onlyB], [false, 0, 15]);
    const between = await diffSwingStores(at('operational'), at('replay'));
    t.is(between.artifacts.onlyB, 6);
  }),
);

check(
  'what differs is told, by the command, too',
  inBase(async (t, at) => {
    for (const name of ['a', 'b']) await makeAsKernel(subject.api, at(name));
    const { kernelStorage, hostStorage } = openSwingStore(at('b'));
    kernelStorage.kvStore.set('v1.vs.7', 'x'.repeat(5000));
    kernelStorage.kvStore.set('more', 'yes');
    kernelStorage.kvStore.delete('v1.vs.8');
    kernelStorage.transcriptStore.addItem('v2', 'one more');
    hostStorage.kvStore.set('host.height', '43');
    await hostStorage.commit();
    await hostStorage.close();
    const report = await diffSwingStores(at('a'), at('b'), { localKeys: true });
    t.false(report.same);
    t.deepEqual(report.blockHeights, [42, 43]);
    t.deepEqual(
      report.differences.map(({ subject: what, in: where, name }) => `${what} ${where} ${name}`),
      [
        'record b kv.more',
        'record both kv.v1.vs.7',
        'record a kv.v1.vs.8',
        'record both transcript.v2.current',
        'local-key both host.height',
        'artifact a transcript.v2.26.27',
        'artifact b transcript.v2.26.28',
      ],
    );
    const [more, long] = report.differences;
    t.deepEqual(more, { subject: 'record', in: 'b', name: 'kv.more', b: 'yes' });
    t.is(long.b, `${'x'.repeat(1000)}… (5000 bytes)`);
    t.like(report.records, { onlyA: 1, onlyB: 1, differing: 2 });
    const limited = await diffSwingStores(at('a'), at('b'), { limit: 2 });
    t.deepEqual(limited.differences, report.differences.slice(0, 2));
    t.is(limited.leftOut, 4);

    const json = await runJson(['diff', at('a'), at('b'), '--local-keys']);
    t.like(json, { code: 1, command: 'diff', same: false, records: report.records, localKeys: report.localKeys });
    const { code, stdout } = await runCli(['diff', at('a'), at('b'), '--limit', '2']);
    t.is(code, 1);
    t.regex(
      stdout,
      /^> record kv\.more: "yes"\n! record kv\.v1\.vs\.7\n {4}A ".*"\n {4}B "x+…"\nand 4 more differences\n/,
    );
    t.is((await runCli(['diff', at('a'), at('a'), '--contents'])).code, 0);
  }),
);

check(
  'progress, ending, and what is refused',
  inBase(async (t, at) => {
    await makeAsKernel(subject.api, at('a'));
    await exportSwingStoreToDirectory(at('a'), at('skip'), { exportDataMode: 'skip' });
    await exportSwingStoreToDirectory(at('a'), at('none'), { artifactMode: 'none' });
    const { same, records, artifacts } = await diffSwingStores(at('a'), at('skip'));
    t.deepEqual([same, records, artifacts.b], [true, undefined, 9]);
    t.is((await diffSwingStores(at('none'), at('a'))).artifacts, undefined);
    const { stderr } = await runCli(['diff', at('a'), at('skip')]);
    t.regex(stderr, /note: .* no records to compare/);

    const reports = [];
    await diffSwingStores(at('a'), at('a'), { contents: true, onProgress: progress => reports.push(progress) });
    const { stage, done, total, bytes } = reports.at(-1);
    t.is(stage, 'done');
    t.is(done, total);
    t.true(bytes > 0);
    const reason = Error('enough');
    await t.throwsAsync(diffSwingStores(at('a'), at('a'), { signal: AbortSignal.abort(reason) }), { is: reason });

    for (const [options, message] of [
      [{ artifactMode: 'all' }, /invalid artifactMode "all"/],
      [{ contents: 1 }, /contents must be a boolean/],
      [{ localKeys: 1 }, /localKeys must be a boolean/],
      [{ limit: 0 }, /limit must be a positive whole number/],
    ]) {
      await t.throwsAsync(diffSwingStores(at('a'), at('a'), options), { message });
    }
    const refused = (a, b, options = {}) =>
      t.throwsAsync(diffSwingStores(a, b, options), { code: 'ERR_SWING_STORE_OPEN' });
    await refused(at('a'), at('missing'));
    await refused(at(''), at('a'));
    await refused(at('a'), at('none'), { localKeys: true });
    await t.throwsAsync(diffSwingStores(at('a'), 7), { message: 'b must be a string' });
    t.is((await runCli(['diff', at('a')])).code, 2);
    t.is((await runCli(['diff', at('a'), at('missing')])).code, 3);
  }),
);
