// Archives in object stores that are slow, fail, lie and break off.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import { gzipSync } from 'node:zlib';

import { outcomeOf } from '../support/common/run-program.mjs';
import { runCli, runJson, startCli } from '../support/common/cli.mjs';
import { subject } from '../support/common/implementations.mjs';
import { archived, isSound, namesIn, noSecret, prune, repopulate, withStore } from '../support/tools/remote-store.mjs';

const { archiveSwingStore } = subject.api;

test.serial('a busy or slow server, and one that breaks off, is asked again', async t => {
  await withStore(async ({ server, store }) => {
    server.setFault(({ count }) => (count === 0 ? 'busy' : undefined));
    const { written } = await archiveSwingStore(store, server.url);
    t.is(server.objects.size, written);
    await prune(store);
    for (const fault of ['busy', 'cut', 'slow']) {
      server.requests.length = 0;
      server.setFault(({ count }) => (count === 0 || fault === 'slow' ? fault : undefined));
      const { filled, refused, missing } = await repopulate(server.url, store);
      t.deepEqual([refused, missing], [[], []], fault);
      t.true(filled.length > 0);
      t.true(await isSound(store), fault);
      await prune(store);
    }
  });
});

test.serial('artifacts that are wrong, cut off or denied are refused, and the others restored', async t => {
  await withStore(async ({ server, store }) => {
    await archiveSwingStore(store, server.url);
    await prune(store);
    const names = namesIn(server).filter(name => name.startsWith('transcript.v1'));
    const other = server.objects.get(`${archived}${names[1]}.gz`);
    const own = server.objects.get(`${archived}${names[0]}.gz`);
    for (const [fault, code] of [
      [{ lie: other }, 'ERR_SWING_STORE_INVALID'],
      [{ lie: own.subarray(0, own.length - 9) }, 'ERR_SWING_STORE_INVALID'],
      [{ lie: Buffer.from('no gzip') }, 'ERR_SWING_STORE_INVALID'],
      [{ lie: gzipSync(Buffer.alloc(1 << 20)) }, 'ERR_SWING_STORE_INVALID'],
      ['cut', 'ERR_SWING_STORE_REMOTE'],
      ['deny', 'ERR_SWING_STORE_REMOTE'],
    ]) {
      server.setFault(({ path: of }) => (of.includes(`${names[0]}.gz`) ? fault : undefined));
      const { filled, refused, missing } = await repopulate(server.url, store);
      t.deepEqual(
        refused.map(({ name, code: of }) => [name, of]),
        [[names[0], code]],
      );
      noSecret(t, server, refused[0].reason);
      t.deepEqual(missing, [names[0]]);
      t.true(filled.length > 5);
      await prune(store);
    }
    server.setFault(({ path: of }) => (of.includes(names[0]) ? 'deny' : undefined));
    const { code, stdout } = await runCli(['repopulate', '--state-dir', store, '--from', server.url], {
      env: server.env,
    });
    t.is(code, 1);
    t.regex(stdout, /denies access \(AccessDenied\)/);
    noSecret(t, server, stdout);
  });
});

test.serial('a server that denies everything, or is not there', async t => {
  await withStore(async ({ server, store }) => {
    server.setFault(() => 'deny');
    const args = ['--state-dir', store];
    const denied = await runCli(['archive', ...args, '--to', server.url], { env: server.env });
    t.is(denied.code, 3);
    t.regex(denied.stderr, /denies access \(AccessDenied\)\. Check AWS_ACCESS_KEY_ID/);
    noSecret(t, server, denied.stderr);
    server.setFault(undefined);
    const absent = await t.throwsAsync(archiveSwingStore(store, 's3://other/archive'), {
      code: 'ERR_SWING_STORE_REMOTE',
    });
    t.regex(absent.message, /HTTP status 404|not found/);
    await prune(store);
    const noBucket = await t.throwsAsync(repopulate('s3://other/archive', store), { code: 'ERR_SWING_STORE_REMOTE' });
    t.regex(noBucket.message, /The bucket or container must exist/);
    const env = { ...server.env, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
    const { code, stderr } = await runCli(['repopulate', ...args, '--from', server.url], { env });
    t.is(code, 3);
    t.regex(stderr, /the connection failed/);
    noSecret(t, server, stderr);
  });
});

test.serial('an abort ends a waiting request, and another call continues', async t => {
  await withStore(async ({ server, store }) => {
    const hangLater = () => {
      let left = 5;
      server.setFault(() => {
        left -= 1;
        return left < 0 ? 'hang' : undefined;
      });
    };
    const abortedSoon = () => AbortSignal.timeout(400);
    hangLater();
    await t.throwsAsync(archiveSwingStore(store, server.url, { signal: abortedSoon() }), {
      name: 'TimeoutError',
      any: true,
    });
    server.setFault(undefined);
    const { written, existing } = await archiveSwingStore(store, server.url);
    t.is(written + existing, server.objects.size);
    await prune(store);
    hangLater();
    await t.throwsAsync(repopulate(server.url, store, { signal: abortedSoon() }), { name: 'TimeoutError', any: true });
    server.setFault(undefined);
    t.like(await repopulate(server.url, store), { refused: [], missing: [] });
    t.true(await isSound(store));
  });
});

test.serial('after a kill, the same command continues', async t => {
  await withStore(async ({ server, store }) => {
    const killedAfter = async (count, args) => {
      const child = startCli(args, { env: server.env });
      let left = count;
      server.setFault(() => {
        left -= 1;
        if (left < 0) child.kill('SIGKILL');
        return left < 0 ? 'hang' : undefined;
      });
      const { signal } = await outcomeOf(child);
      t.is(signal, 'SIGKILL');
      server.setFault(undefined);
    };
    const archive = ['archive', '--state-dir', store, '--to', server.url];
    await killedAfter(9, archive);
    const some = server.objects.size;
    const { code, written, existing } = await runJson(archive, { env: server.env });
    t.is(code, 0);
    t.is(existing, some);
    t.is(written + existing, server.objects.size);
    await prune(store);
    const filling = ['repopulate', '--state-dir', store, '--from', server.url, '--artifact-mode', 'debug'];
    await killedAfter(9, filling);
    t.like(await runJson(filling, { env: server.env }), { code: 0, refused: [], missing: [] });
    t.true(await isSound(store));
    t.deepEqual(
      fs.readdirSync(store).filter(name => !name.startsWith('swingstore.sqlite')),
      [],
    );
  });
});
