// Restoring pruned data: the whole cycle, whose result the reference checks, and faulty artifacts.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import tmp from 'tmp';

import { exportedByReference, offer, readArtifacts } from '../support/tools/artifacts.mjs';
import { runCli, runJson } from '../support/common/cli.mjs';
import { manifestName, makeStore } from '../support/common/cosmic-directory.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { inTempDir } from '../support/common/world.mjs';

const {
  exportSwingStoreToDirectory,
  openSwingStore,
  pruneSwingStore,
  repopulateSwingStore,
  repopulateSwingStoreFromDirectory,
} = subject.api;

/** Makes a store with all its history, and an export of it. */
const makeFull = async (at, name = 'store', size = undefined) => {
  await makeStore(subject.api, at(name), {}, size);
  await exportSwingStoreToDirectory(at(name), at(`${name} full`), { artifactMode: 'debug' });
  return readArtifacts(at(`${name} full`));
};

const inDir = use => inTempDir(base => use((...names) => path.join(base, ...names)));

test("a running store's archive restores what was pruned", async t => {
  await inDir(async at => {
    await makeStore(reference.api, at('twin'));
    for (const [name, api] of [
      ['ours', subject.api],
      ['theirs', reference.api],
    ]) {
      // Artifacts from either implementation's archivers.
      const archive = at(`${name} archive`);
      const powers = { fs, path, tmp };
      await makeStore(api, at(name), {
        keepTranscripts: false,
        keepSnapshots: false,
        archiveTranscript: api.makeArchiveTranscript(archive, powers),
        archiveSnapshot: api.makeArchiveSnapshot(archive, powers),
      });
      t.true(fs.readdirSync(archive).every(file => file.endsWith('.gz')));
      const exporter = reference.api.makeSwingStoreExporter(at(name), { artifactMode: 'archival' });
      t.throws(exporter.getArtifactNames, { message: /incomplete archival transcript/ });
      await exporter.close();

      const { filled, missing, refused, unwanted } = await repopulateSwingStoreFromDirectory(archive, at(name));
      t.is(filled.length, 8);
      t.deepEqual([missing, refused], [[], []]);
      // Spans of a terminated vat, and snapshots that are not in use.
      t.true(unwanted > 5);
      t.deepEqual(await exportedByReference(at(name), 'archival'), await exportedByReference(at('twin'), 'archival'));
      const again = await repopulateSwingStoreFromDirectory(archive, at(name), { artifactMode: 'debug' });
      t.is(again.present, 10);
      t.deepEqual(again.missing, []);
      t.deepEqual(await exportedByReference(at(name), 'debug'), await exportedByReference(at('twin'), 'debug'));
    }
  });
});

for (const keep of ['operational', 'replay', 'archival']) {
  test(`pruned to ${keep}, and repopulated by the reference's exporter`, async t => {
    await inDir(async at => {
      await makeFull(at);
      fs.mkdirSync(at('original'));
      fs.copyFileSync(at('store/swingstore.sqlite'), at('original/swingstore.sqlite'));
      const before = await exportedByReference(at('original'), 'debug');
      await pruneSwingStore(at('store'), { keep });
      const exporter = reference.api.makeSwingStoreExporter(at('original'), { artifactMode: 'debug' });
      const report = await repopulateSwingStore(exporter, at('store'), { artifactMode: 'debug' });
      t.true(report.filled.length >= 10);
      t.like(report, { missing: [], refused: [], refusedCount: 0, unwanted: 0 });
      t.is(report.locking.transactions, report.filled.length);
      t.deepEqual(await exportedByReference(at('store'), 'debug'), before);
      await t.throwsAsync(exporter.close(), undefined, 'it is closed already');
    });
  });
}

test('each mode restores its artifacts, and reports missing ones', async t => {
  await inDir(async at => {
    const artifacts = await makeFull(at);
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const none = await repopulateSwingStore(offer([]), at('store'), { artifactMode: 'debug' });
    const current = await exportedByReference(at('store'), 'operational');
    t.deepEqual([...none.missing].sort(), [...artifacts.keys()].filter(name => !current[name]).sort());
    const counts = {};
    for (const artifactMode of ['operational', 'replay', 'archival', 'debug']) {
      const { filled, present, unwanted, missing, refused } = await repopulateSwingStore(
        offer(artifacts),
        at('store'),
        {
          artifactMode,
        },
      );
      counts[artifactMode] = [filled.length, present, unwanted];
      t.deepEqual([missing, refused], [[], []]);
      t.is(filled.length + present + unwanted, artifacts.size);
    }
    t.deepEqual(counts, { operational: [0, 6, 23], replay: [0, 6, 23], archival: [8, 6, 15], debug: [15, 14, 0] });
  });
});

test('hostile artifacts are refused, one by one', async t => {
  await inDir(async at => {
    const artifacts = await makeFull(at, 'store', { items: 30, imageSize: 3_000_000 });
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const empty = await exportedByReference(at('store'), 'debug');
    const span = artifacts.get('transcript.v1.0.30');
    const image = artifacts.get('snapshot.v1.30');
    const flip = (bytes, at_) => {
      const flipped = Buffer.from(bytes);
      flipped[at_] ^= 4;
      return flipped;
    };
    const lines = `${span}`.split('\n');
    const hostile = [
      ['transcript.v1.0.30', flip(span, 7), 'ERR_SWING_STORE_INVALID'],
      ['transcript.v1.0.30', span.subarray(0, 100), 'ERR_SWING_STORE_INVALID'],
      ['transcript.v1.0.30', Buffer.concat([span, Buffer.from('more\n')]), 'ERR_SWING_STORE_INVALID'],
      ['transcript.v1.0.30', lines.toReversed?.().join('\n') ?? 'x', 'ERR_SWING_STORE_INVALID'],
      ['transcript.v1.0.30', '', 'ERR_SWING_STORE_INVALID'],
      ['transcript.v1.0.30', artifacts.get('transcript.v2.0.30'), 'ERR_SWING_STORE_INVALID'],
      ['transcript.v1.0.31', span, 'ERR_SWING_STORE_INVALID'],
      ['transcript.v1.1.30', span, 'ERR_SWING_STORE_NOT_FOUND'],
      ['transcript.v9.0.30', span, 'ERR_SWING_STORE_NOT_FOUND'],
      ['transcript.v1.00.30', span, 'ERR_SWING_STORE_NAME'],
      ['transcript.v1.0.30.x', span, 'ERR_SWING_STORE_NAME'],
      ['transcript.v1.0', span, 'ERR_SWING_STORE_NAME'],
      ['transcript.v1.-1.9223372036854775807', span, 'ERR_SWING_STORE_NOT_FOUND'],
      ['snapshot.v1.30', flip(image, 2_000_000), 'ERR_SWING_STORE_INVALID'],
      ['snapshot.v1.30', image.subarray(0, -1), 'ERR_SWING_STORE_INVALID'],
      ['snapshot.v1.30', Buffer.concat([image, image]), 'ERR_SWING_STORE_INVALID'],
      ['snapshot.v1.31', image, 'ERR_SWING_STORE_NOT_FOUND'],
      ['snapshot.v1', image, 'ERR_SWING_STORE_NAME'],
      ['snapshot.v1.1e1', image, 'ERR_SWING_STORE_NAME'],
      ['bundle.b0-00', 'x', 'ERR_SWING_STORE_NOT_FOUND'],
      ['bundle', 'x', 'ERR_SWING_STORE_NAME'],
      ['', 'x', 'ERR_SWING_STORE_ARGUMENT'],
      ['kv.x', 'x', 'ERR_SWING_STORE_ARGUMENT'],
      ['transcript.v1.0.30', () => [span, { not: 'bytes' }], 'ERR_SWING_STORE_ARGUMENT'],
      [
        'transcript.v1.0.30',
        async function* failing() {
          yield span;
          throw Object.assign(Error('the line was cut'), { code: 'ECUT' });
        },
        'ECUT',
      ],
      [
        'snapshot.v1.30',
        () => {
          throw Error('no such artifact');
        },
        '',
      ],
    ];
    for (const [name, contents, code] of hostile) {
      const { refused, refusedCount, filled } = await repopulateSwingStore(offer([[name, contents]]), at('store'), {
        artifactMode: 'debug',
      });
      t.deepEqual(filled, [], name);
      t.is(refusedCount, 1, name);
      t.is(refused.length, 1);
      t.true([filled, refused, refused[0]].every(Object.isFrozen));
      t.like(refused[0], { name, code }, refused[0].reason);
      t.true(refused[0].reason.length > 10);
    }
    t.deepEqual(await exportedByReference(at('store'), 'debug'), empty);

    // Endless streams, with and without newlines, are closed.
    async function* endless(text) {
      for (let i = 0; ; i += 1) yield Buffer.from(text.repeat(1000));
    }
    for (const name of ['transcript.v1.0.30', 'snapshot.v1.30']) {
      for (const text of ['x', 'x\n']) {
        const { refused } = await repopulateSwingStore(offer([[name, () => endless(text)]]), at('store'), {
          artifactMode: 'debug',
          maxArtifactBytes: 10_000_000,
        });
        t.regex(refused[0].reason, /too long|not complete/, `${name} ${text}`);
      }
    }
    // Other artifacts are restored in spite of them.
    const mixed = [...artifacts].flatMap(([name, contents], i) => [
      [`${name}.${i}`, contents],
      [name, contents],
    ]);
    const { filled, missing } = await repopulateSwingStore(offer(mixed), at('store'), { artifactMode: 'debug' });
    t.is(filled.length, 23);
    t.deepEqual(missing, []);
  });
});

test('directories: archives, exports of other stores, and files that must not be read', async t => {
  await inDir(async at => {
    const artifacts = await makeFull(at, 'store', { items: 30, imageSize: 400_000 });
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const [dir, secret] = [at('archive'), at('secret')];
    fs.mkdirSync(dir);
    const repopulate = options =>
      repopulateSwingStoreFromDirectory(dir, at('store'), { artifactMode: 'debug', ...options });
    await t.throwsAsync(repopulate(), { code: 'ENOENT', message: /no artifacts/ });
    await t.throwsAsync(repopulateSwingStoreFromDirectory(at('nowhere'), at('store')), { code: 'ENOENT' });
    fs.writeFileSync(secret, artifacts.get('transcript.v1.0.30'));
    fs.symlinkSync(secret, path.join(dir, 'transcript.v1.0.30'));
    const write = (name, contents) => fs.writeFileSync(path.join(dir, name), contents);
    write('transcript.v1.30.60.gz', 'not a gzip file');
    write('transcript.v1.60.90.gz', gzipSync(artifacts.get('transcript.v1.60.90')).subarray(0, -9));
    write('transcript.v1.90.120.gz.tmp', 'unfinished');
    // Decompression bombs: one line, many lines, and an image whose size is known.
    write('transcript.v2.0.30.gz', gzipSync(Buffer.alloc(60_000_000, 'x')));
    write('transcript.v2.30.60.gz', gzipSync(Buffer.alloc(60_000_000, '\n')));
    write('snapshot.v1.30.gz', gzipSync(Buffer.alloc(60_000_000)));
    const { refused, filled } = await repopulate({ maxArtifactBytes: 20_000_000 });
    t.deepEqual(filled, []);
    const reasons = Object.fromEntries(refused.map(({ name, reason }) => [name, reason]));
    t.regex(reasons['transcript.v1.0.30'], /leads out of/);
    t.regex(reasons['transcript.v1.30.60'], /not an intact gzip file/);
    t.regex(reasons['transcript.v1.60.90'], /not an intact gzip file|not complete/);
    t.regex(reasons['transcript.v2.0.30'], /too long: more than 20000000 bytes/);
    t.regex(reasons['transcript.v2.30.60'], /not complete/);
    t.regex(reasons['snapshot.v1.30'], /too long: more than 400000 bytes/);
    t.is(refused.length, 6);

    // A manifest that names a file outside of the directory.
    fs.rmSync(dir, { recursive: true });
    fs.mkdirSync(dir);
    const list = [
      ['transcript.v1.0.30', '../secret'],
      ['transcript.v1.30.60', secret],
      ['transcript.v1.60.90', 'not there'],
      ['transcript.v2.0.30', 'some-name.gz'],
    ];
    write('some-name.gz', gzipSync(artifacts.get('transcript.v2.0.30')));
    // A file that the manifest does not list is not read.
    write('transcript.v2.30.60', artifacts.get('transcript.v2.30.60'));
    write(manifestName, JSON.stringify({ blockHeight: 7, artifacts: list }));
    const listed = await repopulate();
    t.deepEqual(listed.filled, ['transcript.v2.0.30']);
    t.deepEqual(
      listed.refused.map(({ name, code }) => [name, code]),
      ['transcript.v1.0.30', 'transcript.v1.30.60', 'transcript.v1.60.90'].map(name => [
        name,
        'ERR_SWING_STORE_MANIFEST',
      ]),
    );
    write(manifestName, '{}');
    await t.throwsAsync(repopulate(), { code: 'ERR_SWING_STORE_MANIFEST' });

    // The command line's exit code reports that something is missing.
    fs.rmSync(path.join(dir, manifestName));
    const args = ['repopulate', '--state-dir', at('store'), '--artifact-mode', 'debug', '--from'];
    t.like(await runJson([...args, dir]), {
      code: 1,
      command: 'repopulate',
      filled: ['transcript.v2.30.60'],
      present: 0,
    });
    const { code, stdout } = await runCli([...args, dir]);
    t.is(code, 1);
    t.regex(stdout, /1 was already present[^]*Still missing for mode debug: 2\d\n {2}snapshot[^]*and \d+ more/);
    // The mode that the message of upstream's import-kernel-db calls not yet supported.
    const skip = ['import', '--export-data-mode', 'skip', '--state-dir', at('store'), '--export-dir', at('store full')];
    t.like(await runJson([...skip, '--artifact-mode', 'archival']), {
      code: 0,
      command: 'import',
      missing: [],
      refused: [],
    });
    t.is((await runCli([...skip, '--artifact-mode', 'none'])).code, 2);
    t.is((await runCli([...skip, '--check-block-height', '7'])).code, 2);
    t.like(await runJson([...args, at('store full')]), { code: 0, missing: [], refused: [] });
    t.like(await runJson([...args, at('nowhere')]), { code: 3, error: { code: 'ENOENT' } });
  });
});

test('spans that are restored in several transactions, and incomplete spans', async t => {
  await inDir(async at => {
    const artifacts = await makeFull(at, 'store', { items: 500, imageSize: 1000 });
    const full = await exportedByReference(at('store'), 'debug');
    await pruneSwingStore(at('store'), { keep: 'operational', budget: 100 });
    const { locking } = await repopulateSwingStore(offer(artifacts), at('store'), {
      artifactMode: 'debug',
      maxTransactionBytes: 2000,
    });
    t.true(locking.transactions > 40);
    t.deepEqual(await exportedByReference(at('store'), 'debug'), full);

    const store = openSwingStore(at('store'));
    const db = store.debug.getDatabase();
    // Items are missing at the beginning, the end and in the middle; and an item differs.
    db.exec(`DELETE FROM transcriptItems WHERE vatID = 'v1' AND (position < 100 OR position BETWEEN 700 AND 900);
      DELETE FROM transcriptItems WHERE vatID = 'v2' AND position BETWEEN 490 AND 510;
      UPDATE transcriptItems SET item = 'forged' WHERE vatID = 'v2' AND position = 480`);
    const { filled, present } = await repopulateSwingStore(offer(artifacts), at('store'));
    t.deepEqual(filled, [
      'transcript.v1.0.500',
      'transcript.v1.500.1000',
      'transcript.v2.0.500',
      'transcript.v2.500.1000',
    ]);
    t.true(present > 0);
    await store.hostStorage.close();
    t.deepEqual(await exportedByReference(at('store'), 'debug'), full);
  });
});

test('an artifact whose record changes meanwhile is refused without waiting', async t => {
  await inDir(async at => {
    const full = await makeFull(at);
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const kernel = openSwingStore(at('store'));
    const db = kernel.debug.getDatabase();
    const wanted = [...full.keys()].filter(name => /^(transcript|snapshot)\.v1\./.test(name));
    const parts = [];
    const change = (name, sql) => {
      const contents = full.get(name);
      return async function* stream() {
        yield contents.subarray(0, 1);
        // The record is read before the first byte and again after the last.
        t.is(db.prepare(sql).run().changes, 1, sql);
        parts.push(name);
        yield contents.subarray(1);
      };
    };
    const [[snapshot], spans] = ['snapshot', 'transcript'].map(kind => wanted.filter(name => name.startsWith(kind)));
    const position = name => name.split('.')[2];
    const artifacts = new Map();
    artifacts.set(
      spans[0],
      change(
        spans[0],
        `UPDATE transcriptSpans SET incarnation = incarnation + 7
      WHERE vatID = 'v1' AND startPos = ${position(spans[0])}`,
      ),
    );
    artifacts.set(
      snapshot,
      change(
        snapshot,
        `UPDATE snapshots SET uncompressedSize = 7
      WHERE vatID = 'v1' AND snapPos = ${position(snapshot)}`,
      ),
    );
    // The other artifacts, while a kernel commits.
    let committed = 0;
    for (const [name, contents] of full) {
      if (artifacts.has(name)) continue;
      artifacts.set(name, async function* stream() {
        if (parts.length === 2) {
          kernel.kernelStorage.kvStore.set('key', name);
          await kernel.hostStorage.commit();
          committed += 1;
        }
        yield contents;
      });
    }
    const { missing, refused } = await repopulateSwingStore(offer(artifacts), at('store'), { artifactMode: 'debug' });
    t.deepEqual(
      refused.map(({ name, code }) => [name, code]).sort(),
      [snapshot, spans[0]].map(name => [name, 'ERR_SWING_STORE_INVALID']),
    );
    t.deepEqual(missing.toSorted(), [snapshot, spans[0]]);
    t.true(committed > 5);
    await kernel.hostStorage.close();
  });
});

test('whatever a stream of an exporter throws is in the report', async t => {
  await inDir(async at => {
    await makeFull(at);
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const name = 'transcript.v1.0.5';
    for (const [thrown, code, reason] of [
      [Error('without a code'), '', 'without a code'],
      [Object.assign(Error('with a number'), { code: 7 }), '', 'with a number'],
      [Object.assign(Error('with a code'), { code: 'ECODE' }), 'ECODE', 'with a code'],
      ['a text', '', 'a text'],
      [{ message: 7, toString: () => 'an object' }, '', 'an object'],
    ]) {
      const stream = async function* throwing() {
        yield Buffer.from('');
        throw thrown;
      };
      const { refused, refusedCount } = await repopulateSwingStore(offer([[name, stream]]), at('store'));
      t.is(refusedCount, 1);
      t.deepEqual(refused, [{ name, code, reason }]);
    }
  });
});

test('errors of an exporter, signals, and arguments', async t => {
  await inDir(async at => {
    const artifacts = await makeFull(at);
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const [first] = [...artifacts].filter(([name]) => name === 'transcript.v1.0.5');
    const failing = {
      ...offer([first]),
      async *getArtifactNames() {
        yield first[0];
        throw Error('no more names');
      },
    };
    await t.throwsAsync(repopulateSwingStore(failing, at('store')), { message: 'no more names' });
    t.is(failing.closed, 0);
    const next = await repopulateSwingStore(offer([first]), at('store'));
    t.is(next.present, 1, 'what was restored before it failed stays');

    // An aborted call ends although its stream never settles.
    const controller = new AbortController();
    const stuck = () => ({
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => controller.abort('enough')) }),
    });
    const options = { signal: controller.signal };
    const error = await repopulateSwingStore(offer([['transcript.v1.5.10', stuck]]), at('store'), options).catch(
      e => e,
    );
    t.is(error, 'enough');
    await t.throwsAsync(repopulateSwingStore(offer([]), at('store'), { signal: AbortSignal.abort() }), {
      name: 'AbortError',
      any: true,
    });

    const told = [];
    const exporter = offer(artifacts);
    await repopulateSwingStore(exporter, at('store'), { onProgress: progress => told.push(progress) });
    t.is(exporter.closed, 1);
    t.like(told.at(-1), { stage: 'done', done: artifacts.size });
    t.true(told.every(Object.isFrozen));
    const thrower = () => {
      throw Error('told enough');
    };
    await t.throwsAsync(repopulateSwingStore(offer([]), at('store'), { onProgress: thrower }), {
      message: 'told enough',
    });

    for (const [bad, message] of [
      [{ artifactMode: 'all' }, /invalid artifactMode/],
      [{ maxArtifactBytes: 0 }, /maxArtifactBytes/],
      [{ maxTransactionBytes: 1.5 }, /maxTransactionBytes/],
      [{ onProgress: 7 }, /onProgress/],
      [{ signal: {} }, /signal/],
    ]) {
      await t.throwsAsync(repopulateSwingStore(offer([]), at('store'), bad), { message });
      await t.throwsAsync(repopulateSwingStoreFromDirectory(at('store full'), at('store'), bad), { message });
    }
    await t.throwsAsync(repopulateSwingStore(offer([]), at('nowhere')), { code: 'ERR_SWING_STORE_OPEN' });
    await t.throwsAsync(repopulateSwingStore(offer([]), ''), { message: /dirPath/ });
    fs.writeFileSync(at('swingstore.sqlite'), 'not a database'.repeat(100));
    await t.throwsAsync(repopulateSwingStore(offer([]), at('')), {
      code: 'ERR_SWING_STORE_OPEN',
      message: /file is not a database/,
    });
    t.deepEqual(fs.readdirSync(at('store')), ['swingstore.sqlite']);
  });
});
