// Exports with history from places that are slow, fail, lie and break off.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import { gzipSync } from 'node:zlib';

import { outcomeOf } from '../support/common/run-program.mjs';
import { runCli, runJson, startCli } from '../support/common/cli.mjs';
import { subject } from '../support/common/implementations.mjs';
import { readPlain } from '../support/common/plain-exporter.mjs';
import { filesIn, withPruned } from '../support/tools/pruned-store.mjs';
import { archived, noSecret } from '../support/tools/remote-store.mjs';

const { exportSwingStoreToDirectory, makeSwingStoreExporter } = subject.api;

const exportTo = (store, to, options) =>
  exportSwingStoreToDirectory(store, to, { artifactMode: 'archival', ...options });

/** A historical span. */
const SPAN = 'transcript.v1.0.6';
const OTHER = 'transcript.v1.6.12';

/** The hidden directories that exports have left, with their files. */
const leftIn = dir =>
  (fs.existsSync(dir) ? fs.readdirSync(dir) : []).map(name => [
    name.replace(/[0-9a-f]{16}$/, 'X'),
    fs.readdirSync(`${dir}/${name}`).filter(file => file !== 'lock').length,
  ]);

test.serial('artifacts that are missing, wrong, cut off or denied', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    await exportTo(store, at('complete'));
    const complete = await readPlain(makeSwingStoreExporter(store, { artifactMode: 'archival' }));
    const historyFrom = server.url;
    const own = server.objects.get(`${archived}${SPAN}.gz`);
    const of = `artifact "${SPAN}" is pruned from the store, and `;
    for (const [fault, code, reason] of [
      [{ lie: server.objects.get(`${archived}${OTHER}.gz`) }, 'ERR_SWING_STORE_INVALID', `${of}that in ${historyFrom}`],
      [{ lie: own.subarray(0, own.length - 9) }, 'ERR_SWING_STORE_INVALID', 'not an intact gzip file'],
      [{ lie: Buffer.from('no gzip') }, 'ERR_SWING_STORE_INVALID', 'not an intact gzip file'],
      [{ lie: gzipSync(Buffer.alloc(1 << 20)) }, 'ERR_SWING_STORE_INVALID', of],
      [{ lie: gzipSync('\n'.repeat(1 << 20)) }, 'ERR_SWING_STORE_INVALID', of],
      ['missing', 'ERR_SWING_STORE_NOT_FOUND', `${of}it is not in ${historyFrom}. Add it there`],
      ['cut', 'ERR_SWING_STORE_REMOTE', `${historyFrom}/${SPAN}.gz cannot be read: `],
      ['deny', 'ERR_SWING_STORE_REMOTE', 'It may be missing'],
    ]) {
      server.setFault(({ path: asked }) => (asked.includes(SPAN) ? fault : undefined));
      const error = await t.throwsAsync(exportTo(pruned, at('to'), { historyFrom }), { code });
      const inExporter = makeSwingStoreExporter(pruned, { artifactMode: 'archival', historyFrom });
      const chunks = inExporter.getArtifact(SPAN);
      // Not one chunk of a wrong artifact is handed out.
      const inStream = await t.throwsAsync(chunks.next(), { code });
      await inExporter.close();
      for (const { message } of [error, inStream]) {
        t.true(message.includes(reason), message);
        t.true(message.includes(SPAN) && message.includes(historyFrom), message);
        noSecret(t, server, message);
      }
      for (const [name] of leftIn(at('to'))) t.is(name, '.swing-store-fetched-X');
      server.setFault();
    }
    await exportTo(pruned, at('to'), { historyFrom });
    t.deepEqual(filesIn(at('to')), filesIn(at('complete')));
    server.setFault(({ count }) => (count === 0 ? 'busy' : undefined));
    server.requests.length = 0;
    t.deepEqual(await readPlain(makeSwingStoreExporter(pruned, { artifactMode: 'archival', historyFrom })), complete);
  });
});

test.serial('an export continues with what another has fetched', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    for (const compress of [false, true]) {
      await exportTo(store, at('complete'), { compress });
      const options = { historyFrom: server.url, compress };
      // The last one fails, after all others were fetched.
      server.setFault(({ path: asked }) => (asked.includes(SPAN) ? 'missing' : undefined));
      server.requests.length = 0;
      const last = { ...options, historyFrom: server.url };
      await t.throwsAsync(exportTo(pruned, at('to'), last));
      const [[, kept]] = leftIn(at('to'));
      t.true(kept > 0);
      // One of them gets damaged meanwhile.
      const [hidden] = fs.readdirSync(at('to'));
      const [file] = fs.readdirSync(at('to', hidden)).filter(name => name !== 'lock');
      fs.appendFileSync(at('to', hidden, file), 'more\n');
      server.setFault();
      server.requests.length = 0;
      const { fetched } = await exportTo(pruned, at('to'), options);
      t.is(server.requests.length, fetched - kept + 1);
      t.deepEqual(filesIn(at('to')), filesIn(at('complete')));
      for (const name of ['to', 'complete']) fs.rmSync(at(name), { recursive: true });
    }
    // An export without history removes what it does not need.
    server.setFault(({ path: asked }) => (asked.includes(SPAN) ? 'missing' : undefined));
    await t.throwsAsync(exportTo(pruned, at('to'), { historyFrom: server.url }));
    t.is(leftIn(at('to')).length, 1);
    await exportTo(pruned, at('to'), { artifactMode: 'operational' });
    t.deepEqual(
      fs.readdirSync(at('to')).filter(name => name.startsWith('.')),
      [],
    );
  });
});

test.serial('an abort and a kill end a waiting request, and another export continues', async t => {
  await withPruned(async ({ at, server, store, pruned }) => {
    await exportTo(store, at('complete'));
    const historyFrom = server.url;
    let answers = 3;
    const hangLater = then => () => {
      answers -= 1;
      if (answers < 0) then();
      return answers < 0 ? 'hang' : undefined;
    };
    server.setFault(hangLater(() => {}));
    const signal = AbortSignal.timeout(400);
    await t.throwsAsync(exportTo(pruned, at('to'), { historyFrom, signal }), { name: 'TimeoutError', any: true });
    t.deepEqual(leftIn(at('to')), [['.swing-store-fetched-X', 3]]);
    answers = 2;
    const args = ['export', '--state-dir', pruned, '--export-dir', at('to'), '--export-data-mode', 'all'];
    args.push('--artifact-mode', 'archival', '--history-from', historyFrom);
    const child = startCli(args, { env: server.env });
    server.setFault(hangLater(() => child.kill('SIGKILL')));
    t.is((await outcomeOf(child)).signal, 'SIGKILL');
    t.false(fs.existsSync(at('to', 'export-manifest.json')));
    answers = 1;
    const interrupted = startCli(args, { env: server.env });
    server.setFault(hangLater(() => interrupted.kill('SIGINT')));
    t.not((await outcomeOf(interrupted)).code, 0);
    server.setFault();
    // A file that was not complete is empty.
    const left = fs.readdirSync(at('to')).map(name => filesIn(at('to', name)));
    const kept = left.flatMap(files => Object.keys(files).filter(name => files[name].length > 0));
    t.true(kept.length >= 3, `${kept}`);
    server.requests.length = 0;
    const { code } = await runJson(args, { env: server.env });
    t.is(code, 0);
    // Requests of the process that was interrupted may arrive late, but they are for other artifacts.
    const asked = server.requests.map(({ path: of }) => of.slice(archived.length, -'.gz'.length));
    t.deepEqual(
      kept.filter(name => asked.includes(name)),
      [],
    );
    t.deepEqual(filesIn(at('to')), filesIn(at('complete')));
  });
});

test.serial('a server that denies everything, or is not there', async t => {
  await withPruned(async ({ at, server, pruned }) => {
    const args = ['export', '--state-dir', pruned, '--export-dir', at('to'), '--artifact-mode', 'replay'];
    server.setFault(() => 'deny');
    const denied = await runCli([...args, '--history-from', server.url], { env: server.env });
    t.is(denied.code, 3);
    t.regex(denied.stderr, /denies access \(AccessDenied\)\. It may be missing: .*s3:ListBucket/);
    noSecret(t, server, denied.stderr);
    const env = { ...server.env, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
    const absent = await runCli([...args, '--history-from', server.url], { env });
    t.is(absent.code, 3);
    t.regex(absent.stderr, /the connection failed/);
    noSecret(t, server, absent.stderr);
    t.false(fs.existsSync(at('to')));
  });
});
