// Comparison of stores and exports of both implementations.
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

const { Database, diffSwingStores, openSwingStore, exportSwingStoreToDirectory } = subject.api;

// The reference has no function for this.
const check = subjectIsReference ? test.skip : test;

const inBase = fn => t => inTempDir(base => fn(t, name => path.join(base, name)));

const readOne = (dir, sql) => {
  const db = new Database(path.join(dir, 'swingstore.sqlite'), { readonly: true });
  const row = db.prepare(sql).get();
  db.close();
  return row;
};

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
    // An export of a smaller mode is compared in that mode, unless another mode is requested.
    const more = await diffSwingStores(at('operational'), at('ours'), { artifactMode: 'archival' });
    t.deepEqual([more.same, more.artifacts.onlyA, more.artifacts.onlyB], [false, 0, 15]);
    const between = await diffSwingStores(at('operational'), at('replay'));
    t.is(between.artifacts.onlyB, 6);
  }),
);

check(
  'differences are reported, by the command line, too',
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

const opposite = { a: 'b', b: 'a', both: 'both' };

/** The expected report when the two sides are swapped. */
const mirrored = report => {
  const swap = counts => ({ ...counts, a: counts.b, b: counts.a, onlyA: counts.onlyB, onlyB: counts.onlyA });
  const subjects = ['records', 'localKeys', 'artifacts'].filter(name => name in report);
  const words = { first: 'second', second: 'first' };
  return {
    ...report,
    blockHeights: report.blockHeights.toReversed(),
    ...Object.fromEntries(subjects.map(name => [name, swap(report[name])])),
    differences: report.differences.map(({ in: where, a, b, detail, ...rest }) => ({
      ...rest,
      in: opposite[where],
      ...(b === undefined ? {} : { a: b }),
      ...(a === undefined ? {} : { b: a }),
      ...(detail === undefined ? {} : { detail: detail.replace(/\b(first|second)\b/g, word => words[word]) }),
    })),
  };
};

check(
  'data that only one of the two has is found',
  inBase(async (t, at) => {
    await makeAsKernel(subject.api, at('plain'));
    await exportSwingStoreToDirectory(at('plain'), at('plain export'), { artifactMode: 'debug' });
    const { bundle } = readOne(at('plain'), 'SELECT max(bundleID) AS bundle FROM bundles');

    /** By name: a change of a store, and the differences that are reported if that store is the second side. */
    const changes = {
      'the first key': ["INSERT INTO kvStore VALUES ('', 'new')", ['record b kv.']],
      'the last key': ["INSERT INTO kvStore VALUES ('\u{1F600}', 'new')", ['record b kv.\u{1F600}']],
      'no keys': ["DELETE FROM kvStore WHERE key LIKE 'v1.vs.%' OR key LIKE 'vat%'", undefined],
      'the first local key': ["INSERT INTO kvStore VALUES ('host.', 'new')", ['local-key b host.']],
      'the last local key': ["INSERT INTO kvStore VALUES ('local.z', 'new')", ['local-key b local.z']],
      'the last vat': [
        `INSERT INTO transcriptSpans VALUES ('v9', 0, 0, '${'0'.repeat(64)}', 1, 0)`,
        ['record b transcript.v9.current', 'artifact b transcript.v9.0.0'],
      ],
      'the last snapshot': [
        `INSERT INTO snapshots SELECT 'v9', 7, NULL, hash, uncompressedSize, compressedSize, compressedSnapshot
         FROM snapshots WHERE inUse = 1 LIMIT 1`,
        ['record b snapshot.v9.7', 'artifact b snapshot.v9.7'],
      ],
      'the last bundle': [
        "INSERT INTO bundles VALUES ('b1-z', x'00')",
        ['record b bundle.b1-z', 'artifact b bundle.b1-z'],
      ],
      'contents of a bundle': [
        `UPDATE bundles SET bundle = x'00' WHERE bundleID = '${bundle}'`,
        [`artifact both bundle.${bundle}`],
      ],
    };
    const tellOf = ({ differences }) =>
      differences.map(({ subject: what, in: where, name }) => `${what} ${where} ${name}`);
    const contents = true;
    for (const [name, [sql, expected]] of Object.entries(changes)) {
      fs.cpSync(at('plain'), at(name), { recursive: true });
      const db = new Database(path.join(at(name), 'swingstore.sqlite'));
      db.exec(sql);
      db.close();
      const options = { contents, localKeys: true };
      const report = await diffSwingStores(at('plain'), at(name), options);
      if (expected) t.deepEqual(tellOf(report), expected, name);
      else t.true(report.records.onlyA > 100 && report.records.onlyB === 0, name);
      t.deepEqual(await diffSwingStores(at(name), at('plain'), options), mirrored(report), `${name}, on the left`);
      // The same change in an export, whose records are in a file.
      await exportSwingStoreToDirectory(at(name), at(`${name} export`), { artifactMode: 'debug' });
      const exported = await diffSwingStores(at('plain'), at(`${name} export`), { contents });
      t.deepEqual([exported.records, exported.artifacts], [report.records, report.artifacts], name);
      const isExported = difference => !difference.startsWith('local-key');
      t.deepEqual(tellOf(exported), tellOf(report).filter(isExported), `${name}, exported`);
      const left = await diffSwingStores(at(`${name} export`), at('plain'), { contents });
      t.deepEqual(left, mirrored(exported), `${name}, exported, on the left`);
    }

    /** By name: a change of an artifact's file, and the reported detail if it belongs to the second side. */
    const file = 'transcript.v3.14.20';
    const spoilings = {
      longer: [text => `${text}x`, /^the first ends after \d+ bytes, the second continues$/],
      shorter: [text => text.slice(0, -1), /^the second ends after \d+ bytes, the first continues$/],
      empty: [() => '', /^the second ends after 0 bytes, the first continues$/],
      different: [text => `${text.slice(0, 7)}\n${text.slice(8)}`, /^the bytes differ from byte 7 on$/],
    };
    for (const [name, [spoil, detail]] of Object.entries(spoilings)) {
      fs.cpSync(at('plain export'), at(name), { recursive: true });
      const spoiled = path.join(at(name), file);
      fs.writeFileSync(spoiled, spoil(fs.readFileSync(spoiled, 'utf8')));
      for (const other of ['plain', 'plain export']) {
        const report = await diffSwingStores(at(other), at(name), { contents });
        t.deepEqual(tellOf(report), [`artifact both ${file}`], name);
        t.regex(report.differences[0].detail, detail, name);
        t.is(report.artifacts.differing, 1);
        t.deepEqual(await diffSwingStores(at(name), at(other), { contents }), mirrored(report), `${name}, on the left`);
      }
    }

    fs.cpSync(at('plain'), at('damaged'), { recursive: true });
    const db = new Database(path.join(at('damaged'), 'swingstore.sqlite'));
    db.exec("UPDATE snapshots SET compressedSnapshot = x'00' WHERE vatID = 'v3' AND inUse = 1");
    db.close();
    const report = await diffSwingStores(at('plain'), at('damaged'), { contents });
    t.is(report.differences.length, 1);
    t.regex(report.differences[0].detail, /^the second cannot be read: /);
    t.deepEqual(await diffSwingStores(at('damaged'), at('plain'), { contents }), mirrored(report));
  }),
);

check(
  'progress, aborts, and refusals',
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
