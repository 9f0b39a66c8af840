// Archives in moto, another implementation of S3 than the one of `remote-archive.test.mjs`.
import '@endo/init/debug.js';

import test from 'ava';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import { readFiles } from '../support/common/cosmic-directory.mjs';
import { subject } from '../support/common/implementations.mjs';
import { needing } from '../support/common/requirements.mjs';
import { inTempDir } from '../support/common/world.mjs';
import { makeAsKernel } from '../support/tools/kernel-like-store.mjs';
import { prepareMoto, withMoto } from '../support/tools/moto.mjs';

const {
  archiveSwingStore,
  diffSwingStores,
  exportSwingStoreToDirectory,
  openSwingStore,
  pruneSwingStore,
  repopulateSwingStoreFromDirectory,
} = subject.api;

/** Sends a request without `fetch`, which fails under lockdown on newer versions of Node.js once its server has gone. */
const put = async url => {
  const request = http.request(url, { method: 'PUT' }).end();
  const [response] = await once(request, 'response');
  response.resume();
  return response.statusCode;
};

const problem = process.platform === 'win32' ? undefined : prepareMoto();
const check = process.platform === 'win32' ? test.skip : needing(test, 'moto', problem === undefined, problem);

check('an archive in moto restores what was pruned, and completes an export', async t => {
  t.timeout(120_000);
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeAsKernel(subject.api, at('store'), { keepSnapshots: true });
    await withMoto(async endpoint => {
      Object.assign(process.env, {
        AWS_ACCESS_KEY_ID: 'key',
        AWS_SECRET_ACCESS_KEY: 'secret',
        AWS_REGION: 'us-east-1',
        AWS_ENDPOINT_URL: endpoint,
      });
      const place = 's3://history/chain/archive';
      await t.throwsAsync(archiveSwingStore(at('store'), place), {
        code: 'ERR_SWING_STORE_REMOTE',
        message: /NoSuchBucket/,
      });
      t.is(await put(`${endpoint}/history`), 200);

      // Two nodes at once, and a snapshot of several parts.
      const { kernelStorage, hostStorage } = openSwingStore(at('store'), { keepSnapshots: true });
      kernelStorage.snapStore.stopUsingLastSnapshot('v1');
      const image = randomBytes(18 << 20);
      await kernelStorage.snapStore.saveSnapshot(
        'v1',
        900,
        (async function* chunks() {
          yield image;
        })(),
      );
      await hostStorage.commit();
      await hostStorage.close();
      fs.cpSync(at('store'), at('other'), { recursive: true });
      const reports = await Promise.all(['store', 'other'].map(name => archiveSwingStore(at(name), place)));
      const [{ written, existing }] = reports;
      for (const report of reports) t.is(report.written + report.existing, written + existing);

      await pruneSwingStore(at('store'), { keep: 'operational' });
      await exportSwingStoreToDirectory(at('store'), at('export'), { artifactMode: 'archival', historyFrom: place });
      await exportSwingStoreToDirectory(at('other'), at('complete'), { artifactMode: 'archival' });
      t.deepEqual(readFiles(at('export')), readFiles(at('complete')), 'pruned history comes from the archive');

      const options = { artifactMode: 'debug' };
      const { filled, refused, missing } = await repopulateSwingStoreFromDirectory(place, at('store'), options);
      t.true(filled.length > 0);
      t.deepEqual([refused, missing], [[], []]);
      t.true((await diffSwingStores(at('other'), at('store'), { contents: true })).same);
      t.like(await archiveSwingStore(at('store'), place, { checkExisting: true }), {
        written: 0,
        existing: written + existing,
      });
    });
  });
});
