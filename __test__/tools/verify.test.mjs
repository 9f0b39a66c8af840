// Verification: stores of both implementations are sound, and every alteration is found.
import '@endo/init/debug.js';

import test from 'ava';
import fc from 'fast-check';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { runCli, runJson } from '../support/common/cli.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { fillAsKernel, makeAsKernel } from '../support/tools/kernel-like-store.mjs';
import { modes } from '../support/common/observe.mjs';
import { checkProperty } from '../support/common/property.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

const { Database, makeSwingStoreExporter, importSwingStore, verifySwingStore } = subject.api;

// The reference has no function for this.
const check = subjectIsReference ? test.skip : test;

const fileIn = dir => path.join(dir, 'swingstore.sqlite');

/** Changes a store by SQL. */
const alter = (dir, sql, ...params) => {
  const db = new Database(fileIn(dir));
  db.pragma('ignore_check_constraints = 1');
  db.prepare(sql).run(...params);
  db.close();
};

const kindsIn = ({ findings }) => findings.map(({ kind }) => kind);

for (const { name, api } of [reference, subject]) {
  check(`a store of ${name} is sound`, async t => {
    await inTempDir(async base => {
      for (const options of [
        { keepSnapshots: true },
        { keepSnapshots: false, keepTranscripts: true },
        { keepTranscripts: false },
      ]) {
        const dir = path.join(base, JSON.stringify(options).replaceAll('"', ''));
        await makeAsKernel(api, dir, options);
        const { keepSnapshots = false, keepTranscripts = true } = options;
        for (const artifactMode of keepTranscripts ? modes : ['operational', 'debug']) {
          const report = await verifySwingStore(dir, { artifactMode });
          t.deepEqual(report.findings, []);
          t.like(report, {
            ok: true,
            artifactMode,
            blockHeight: 42,
            spans: { total: 24, checked: keepTranscripts ? 24 : 3 },
            snapshots: { total: 16, checked: keepSnapshots ? 16 : 3, pruned: keepSnapshots ? 0 : 13 },
            bundles: { total: 3, checked: 3, pruned: 0 },
          });
        }
        if (!keepTranscripts) {
          const { findings } = await verifySwingStore(dir, { artifactMode: 'replay' });
          t.deepEqual(new Set(findings.map(({ kind }) => kind)), new Set(['span-pruned']));
          t.is(findings[0].artifact, 'transcript.v1.14.20');
        }
        t.deepEqual(fs.readdirSync(dir), ['swingstore.sqlite']);
      }
    });
  });
}

check('a store that was imported is sound', async t => {
  await inTempDir(async base => {
    const [from, to] = ['from', 'to'].map(name => path.join(base, name));
    await makeAsKernel(reference.api, from);
    for (const artifactMode of modes) {
      const exporter = makeSwingStoreExporter(from, { artifactMode });
      const { hostStorage } = await importSwingStore(exporter, to, { artifactMode });
      await hostStorage.commit();
      await hostStorage.close();
      const report = await verifySwingStore(to, { artifactMode });
      t.deepEqual(report.findings, [], artifactMode);
      t.is(report.ok, true);
    }
  });
});

check('a mode is satisfied if and only if an export is possible', async t => {
  await inTempDir(async base => {
    const original = path.join(base, 'original');
    await makeAsKernel(reference.api, original);
    const dir = path.join(base, 'pruned');
    fs.mkdirSync(dir);
    const vats = fc.constantFrom('v1', 'v2', 'v3', 'v4');
    const prunings = fc.array(
      fc.oneof(
        fc.tuple(fc.constant('span'), vats, fc.nat(5)),
        fc.tuple(fc.constantFrom('snapshot', 'bundle'), vats, fc.constant(0)),
      ),
      { maxLength: 4 },
    );
    const prune = ([what, vatID, n]) => {
      if (what === 'span') {
        alter(
          dir,
          `DELETE FROM transcriptItems WHERE vatID = @vatID AND position IN (
             SELECT i.position FROM transcriptItems i JOIN (
               SELECT startPos, endPos FROM transcriptSpans WHERE vatID = @vatID ORDER BY startPos LIMIT 1 OFFSET @n
             ) s ON s.startPos <= i.position AND i.position < s.endPos WHERE i.vatID = @vatID)`,
          { vatID, n },
        );
      } else if (what === 'snapshot') {
        alter(dir, 'UPDATE snapshots SET compressedSnapshot = NULL WHERE vatID = ?', vatID);
      } else {
        alter(dir, 'UPDATE bundles SET bundle = NULL WHERE bundleID LIKE ?', vatID > 'v2' ? 'b0-%' : 'b1-%');
      }
    };
    await checkProperty(
      t,
      fc.tuple(fc.constantFrom(...modes), prunings),
      async ([artifactMode, what]) => {
        fs.copyFileSync(fileIn(original), fileIn(dir));
        what.forEach(prune);
        const exporter = reference.api.makeSwingStoreExporter(dir, { artifactMode });
        let complete = true;
        try {
          exporter.getArtifactNames();
        } catch {
          complete = false;
        }
        await exporter.close();
        const report = await verifySwingStore(dir, { artifactMode });
        if (report.ok !== complete) throw Error(`${complete}, but ${JSON.stringify(report.findings)}`);
        const others = kindsIn(report).filter(kind => !kind.endsWith('-pruned'));
        if (others.length > 0) throw Error(others.join());
      },
      { runs: 60 },
    );
  });
});

/** The alterations: for each row of a query, an SQL statement on that row. */
const alterations = {
  item: ['SELECT rowid, item AS value FROM transcriptItems', 'UPDATE transcriptItems SET item = ? WHERE rowid = ?'],
  hash: ['SELECT rowid, hash AS value FROM transcriptSpans', 'UPDATE transcriptSpans SET hash = ? WHERE rowid = ?'],
  snapshotHash: ['SELECT rowid, hash AS value FROM snapshots', 'UPDATE snapshots SET hash = ? WHERE rowid = ?'],
  image: [
    'SELECT rowid, compressedSnapshot AS value FROM snapshots WHERE compressedSnapshot IS NOT NULL',
    'UPDATE snapshots SET compressedSnapshot = ? WHERE rowid = ?',
  ],
  script: [
    "SELECT rowid, bundle AS value FROM bundles WHERE bundleID LIKE 'b0-%'",
    'UPDATE bundles SET bundle = ? WHERE rowid = ?',
  ],
  start: [
    'SELECT rowid, startPos AS value FROM transcriptSpans',
    'UPDATE transcriptSpans SET startPos = ? WHERE rowid = ?',
  ],
  end: ['SELECT rowid, endPos AS value FROM transcriptSpans', 'UPDATE transcriptSpans SET endPos = ? WHERE rowid = ?'],
  position: [
    'SELECT rowid, position AS value FROM transcriptItems',
    'UPDATE transcriptItems SET position = ? WHERE rowid = ?',
  ],
  incarnation: [
    'SELECT rowid, incarnation AS value FROM transcriptSpans',
    'UPDATE transcriptSpans SET incarnation = ? WHERE rowid = ?',
  ],
  itemIncarnation: [
    'SELECT rowid, incarnation AS value FROM transcriptItems',
    'UPDATE transcriptItems SET incarnation = ? WHERE rowid = ?',
  ],
};

/** Another value of the same type: one character or byte differs, or a number differs slightly. */
const otherThan = (value, at, by) => {
  if (typeof value === 'number') return value + (by % 2 ? 100 : -100);
  if (typeof value === 'string') {
    const index = at % value.length;
    const replacement = value[index] === 'y' ? 'z' : 'y';
    return value.slice(0, index) + replacement + value.slice(index + 1);
  }
  const bytes = Buffer.from(value);
  bytes[at % bytes.length] ^= 1 + (by % 255);
  return bytes;
};

/** Whether two gzip files have the same meaning: some bytes, such as the time, have no effect. */
const isSameImage = (one, other) => {
  try {
    return zlib.gunzipSync(one).equals(zlib.gunzipSync(other));
  } catch {
    return false;
  }
};

check('every alteration is found', async t => {
  await inTempDir(async base => {
    const original = path.join(base, 'original');
    await makeAsKernel(reference.api, original, { keepSnapshots: true });
    const dir = path.join(base, 'altered');
    fs.mkdirSync(dir);
    const arbitrary = fc.tuple(fc.constantFrom(...Object.keys(alterations)), fc.nat(1000), fc.nat(1e6), fc.nat(1000));
    await checkProperty(
      t,
      arbitrary,
      async ([what, row, at, by]) => {
        fs.copyFileSync(fileIn(original), fileIn(dir));
        const [query, update] = alterations[what];
        const db = new Database(fileIn(dir));
        const rows = db.prepare(query).all();
        const { rowid, value } = rows[row % rows.length];
        const other = otherThan(value, at, by);
        db.prepare(update).run(other, rowid);
        db.close();
        const { ok, findings } = await verifySwingStore(dir, {
          artifactMode: 'archival',
          integrityCheck: by % 10 === 0,
        });
        const isHarmless = what === 'image' && isSameImage(value, other);
        if (ok !== isHarmless) throw Error(`${what} ${rowid}: ${JSON.stringify(findings)}`);
      },
      { runs: 250 },
    );
  });
});

check('faults at the end of a vat are found in every vat, including the last', async t => {
  await inTempDir(async base => {
    const original = path.join(base, 'original');
    await makeAsKernel(reference.api, original, { keepSnapshots: true });
    const dir = path.join(base, 'altered');
    fs.mkdirSync(dir);
    const vats = ['v1', 'v2', 'v3', 'v4'];
    const living = ['v1', 'v2', 'v3'];
    /** By kind of finding: the vats that can have it, and the statements that cause it. */
    const damages = {
      'stray-item': [
        vats,
        `INSERT INTO transcriptItems (vatID, position, item, incarnation)
         SELECT @vatID, MAX(endPos) + 2, 'stray', 1 FROM transcriptSpans WHERE vatID = @vatID`,
      ],
      'current-span-missing': [living, 'UPDATE transcriptSpans SET isCurrent = NULL WHERE vatID = @vatID'],
      'current-span-not-last': [
        living,
        'UPDATE transcriptSpans SET isCurrent = NULL WHERE vatID = @vatID',
        'UPDATE transcriptSpans SET isCurrent = 1 WHERE vatID = @vatID AND startPos = 14',
      ],
    };
    for (const [kind, [where, ...statements]] of Object.entries(damages)) {
      for (const vatID of where) {
        // Also if it is the only vat.
        for (const others of ['with others', 'alone']) {
          fs.copyFileSync(fileIn(original), fileIn(dir));
          if (others === 'alone') {
            for (const table of ['transcriptItems', 'transcriptSpans', 'snapshots'])
              alter(dir, `DELETE FROM ${table} WHERE vatID <> ?`, vatID);
            alter(
              dir,
              'DELETE FROM kvStore WHERE key IN (?, ?)',
              'vat.names',
              vatID === 'v1' ? '' : 'vat.name.bootstrap',
            );
            alter(dir, "UPDATE kvStore SET value = ? WHERE key = 'vat.dynamicIDs'", JSON.stringify([vatID]));
          }
          for (const sql of statements) alter(dir, sql, ...(sql.includes('@') ? [{ vatID }] : []));
          const { ok, findings } = await verifySwingStore(dir, { artifactMode: 'operational' });
          t.false(ok);
          t.deepEqual(
            findings.filter(found => found.kind === kind).map(({ id }) => id),
            [vatID],
            `${kind} in ${vatID}, ${others}: ${JSON.stringify(findings)}`,
          );
        }
      }
    }
  });
});

check('a kernel runs meanwhile', async t => {
  await inTempDir(async base => {
    const dir = path.join(base, 'store');
    const store = subject.api.initSwingStore(dir);
    await fillAsKernel(store);
    await store.hostStorage.commit();
    const { transcriptStore, snapStore, kvStore } = store.kernelStorage;
    const begun = Date.now();
    let verified = 0;
    let running = true;
    const verifying = (async () => {
      while (running) {
        const { findings } = await verifySwingStore(dir, { artifactMode: 'archival' });
        t.deepEqual(findings, []);
        verified += 1;
      }
    })();
    let block = 0;
    while (verified < 20 && Date.now() - begun < 10_000) {
      block += 1;
      kvStore.set(`key.${block}`, `${block}`.repeat(100));
      transcriptStore.addItem('v1', JSON.stringify({ d: ['message', block], sc: [] }));
      if (block % 10 === 0) {
        const { endPos } = transcriptStore.getCurrentSpanBounds('v1');
        transcriptStore.addItem('v1', JSON.stringify({ d: ['save-snapshot'], sc: [] }));
        const { hash } = await snapStore.saveSnapshot('v1', endPos, [Buffer.alloc(10_000, `${block}`)]);
        await transcriptStore.rolloverSpan('v1');
        transcriptStore.addItem('v1', JSON.stringify({ d: ['load-snapshot', { snapshotID: hash }], sc: [] }));
      }
      await store.hostStorage.commit();
      await setTimeout(1);
    }
    running = false;
    await verifying;
    await store.hostStorage.close();
    t.true(verified > 0);
    t.true(block > 1);
  });
});

check('a kernel of the reference runs in another process and is killed', async t => {
  await inTempDir(async base => {
    const dir = path.join(base, 'store');
    await makeAsKernel(reference.api, dir);
    const program = fileURLToPath(new URL('../support/tools/programs/reference-kernel.mjs', import.meta.url));
    const kernel = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = once(kernel, 'close');
    await once(kernel.stdout, 'data');
    const sizes = new Set();
    for (let n = 0; n < 30; n += 1) {
      const { findings, items } = await verifySwingStore(dir, { artifactMode: 'archival' });
      t.deepEqual(findings, []);
      sizes.add(items);
    }
    t.true(sizes.size > 1);
    kernel.kill('SIGKILL');
    await closed;
    // The log of the killed process is read, and remains.
    const logs = () => ['', '-wal'].map(suffix => fs.readFileSync(`${fileIn(dir)}${suffix}`).toString('base64'));
    const before = logs();
    t.true(before[1] !== '');
    const { findings, items } = await verifySwingStore(dir, { artifactMode: 'archival' });
    t.deepEqual(findings, []);
    t.true(items >= Math.max(...sizes));
    t.deepEqual(logs(), before);
  });
});

check('progress, aborts, and refusals', async t => {
  await inTempDir(async base => {
    const dir = path.join(base, 'store');
    await makeAsKernel(subject.api, dir, { keepSnapshots: true });
    const reports = [];
    const { spans } = await verifySwingStore(dir, { onProgress: progress => reports.push(progress) });
    const { stage, done, total, bytes } = reports.at(-1);
    t.is(stage, 'done');
    t.is(done, total);
    t.is(total, 24 + 16 + 3 + 2);
    t.true(bytes > spans.bytes && spans.bytes > 0);

    const reason = Error('enough');
    await t.throwsAsync(verifySwingStore(dir, { signal: AbortSignal.abort(reason) }), { is: reason });
    const controller = new AbortController();
    const ended = verifySwingStore(dir, { signal: controller.signal });
    controller.abort(reason);
    await t.throwsAsync(ended, { is: reason });
    const fail = () => {
      throw reason;
    };
    await t.throwsAsync(verifySwingStore(dir, { onProgress: fail }), { is: reason });

    for (const [options, message] of [
      [{ artifactMode: 'all' }, /invalid artifactMode "all"/],
      [{ integrityCheck: 1 }, /integrityCheck must be a boolean/],
      [{ findingsPerKind: 0 }, /findingsPerKind must be a positive whole number/],
      [{ onProgress: 7 }, /onProgress must be a function/],
      [{ signal: {} }, /signal must be an AbortSignal/],
    ]) {
      await t.throwsAsync(verifySwingStore(dir, options), { message });
    }
    await t.throwsAsync(verifySwingStore(7), { message: 'dirPath must be a string' });
    const refused = (where, message) =>
      t.throwsAsync(verifySwingStore(where), { code: 'ERR_SWING_STORE_OPEN', message });
    await refused(path.join(base, 'missing'), /no such directory/);
    await refused(base, /it has no swingstore\.sqlite/);
    fs.writeFileSync(fileIn(base), 'something else '.repeat(1000));
    await refused(base, /not a database/);
    fs.writeFileSync(fileIn(base), '');
    await refused(base, /without any of a store's tables/);
  });
});

check("the parts of a report, and the command's output", async t => {
  await inTempDir(async base => {
    const dir = path.join(base, 'store');
    await makeAsKernel(subject.api, dir);
    t.like(await runJson(['verify', '--state-dir', dir, '--artifact-mode', 'archival']), {
      code: 0,
      command: 'verify',
      ok: true,
      blockHeight: 42,
    });
    alter(dir, "UPDATE transcriptItems SET item = item || ' ' WHERE vatID = 'v2' AND position = 3");
    alter(dir, "DELETE FROM transcriptItems WHERE vatID IN ('v1', 'v3') AND position < 6");
    alter(dir, "INSERT INTO kvStore VALUES ('odd', x'00')");
    const report = await verifySwingStore(dir, { artifactMode: 'archival', findingsPerKind: 1 });
    t.true(Object.isFrozen(report) && Object.isFrozen(report.findings) && Object.isFrozen(report.findings[0]));
    const { message: _, ...first } = report.findings[0];
    t.deepEqual(first, { kind: 'bad-value', severity: 'error', table: 'kvStore', id: 'odd' });
    t.like(report.findings[1], {
      kind: 'span-pruned',
      table: 'transcriptSpans',
      id: 'v1',
      position: 0,
      artifact: 'transcript.v1.0.6',
    });
    t.like(report.findings[2], { kind: 'span-hash', id: 'v2', artifact: 'transcript.v2.0.6' });
    t.is(report.findings.length, 3);
    t.deepEqual(report.leftOut, { 'span-pruned': 1 });

    const args = ['verify', '--state-dir', dir, '--artifact-mode', 'archival', '--limit', '1'];
    const { code, command, stateDir, seconds, ...document } = await runJson(args);
    t.is(code, 1);
    t.is(command, 'verify');
    t.is(stateDir, dir);
    t.true(seconds > 0);
    t.deepEqual(document, report);
    const { code: found, stdout } = await runCli(args);
    t.is(found, 1);
    t.regex(stdout, /^error: span-hash: transcript\.v2\.0\.6: /m);
    t.regex(stdout, /^and 1 more of span-pruned$/m);
    t.regex(stdout, /^4 findings in the store of block 42, in mode archival/m);
    t.is((await runCli(['verify', '--state-dir', base])).code, 3);
    t.is((await runCli(['verify', '--state-dir', dir, '--limit', '0'])).code, 2);
    // A store that is partly unreadable has a report, too.
    const bytes = fs.readFileSync(fileIn(dir));
    fs.writeFileSync(fileIn(dir), bytes.subarray(0, bytes.length >> 1));
    const damaged = await verifySwingStore(dir);
    t.true(kindsIn(damaged).some(kind => kind === 'unreadable' || kind === 'sqlite-integrity'));
  });
});

check('every kind is in the declarations', t => {
  const read = name => fs.readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
  const source = read('src/store/verify/finding.rs');
  const kinds = [...source.matchAll(/^ {4}[A-Z]\w+ "([a-z-]+)" (?:Error|Warning) \{$/gm)];
  t.true(kinds.length > 30);
  const types = read('index.d.ts').match(/export type VerificationKind =([^;]*);/)[1];
  t.deepEqual(
    [...types.matchAll(/'([a-z-]+)'/g)].map(([, kind]) => kind),
    kinds.map(([, kind]) => kind),
  );
});
