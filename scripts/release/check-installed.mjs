/** Exercises an installed package. Run in a directory whose `node_modules` has it; needs only Node.js. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

const require = createRequire(import.meta.url);
const name = 'swing-store-native';
const imported = await import(name);
assert.deepEqual(
  Object.keys(imported)
    .filter(key => key !== 'default')
    .sort(),
  Object.keys(require(name)).sort(),
);
const { exportSwingStoreToDirectory, importSwingStoreFromDirectory, initSwingStore, openSwingStore, verifySwingStore } =
  imported;

const scratch = mkdtempSync(path.join(tmpdir(), 'swing-store-installed-'));
try {
  const at = (...parts) => path.join(scratch, ...parts);
  const { kernelStorage, hostStorage } = initSwingStore(at('store'));
  const { kvStore, snapStore, transcriptStore } = kernelStorage;
  kvStore.set('greeting', 'gr\u00fc\u00df \ud83d\ude80');
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', '{"d":1}');
  const image = Buffer.alloc(3_000_000, 'heap image ');
  const { hash } = await snapStore.saveSnapshot('v1', 1, [image]);
  assert.equal(hash, createHash('sha256').update(image).digest('hex'));
  await transcriptStore.rolloverSpan('v1');
  await hostStorage.commit();
  await hostStorage.close();

  await exportSwingStoreToDirectory(at('store'), at('export'), { artifactMode: 'replay' });
  const made = await importSwingStoreFromDirectory(at('export'), at('copy'), { artifactMode: 'replay' });
  await made.hostStorage.commit();
  await made.hostStorage.close();
  const { findings } = await verifySwingStore(at('copy'), { artifactMode: 'replay' });
  assert.deepEqual(findings, []);
  const again = openSwingStore(at('copy'));
  assert.equal(again.kernelStorage.kvStore.get('greeting'), 'gr\u00fc\u00df \ud83d\ude80');
  await again.hostStorage.close();

  const bin = path.join(path.dirname(require.resolve(`${name}/package.json`)), 'bin', 'swing-store.js');
  const run = (...args) => spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' });
  const { version } = JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8'));
  assert.ok(run('--version').stdout.includes(version));
  const verified = run('verify', '--state-dir', at('copy'), '--json');
  assert.equal(verified.status, 0, verified.stderr);

  const { platform, arch, version: node, versions } = process;
  console.log(`${name} ${version} works on Node.js ${node} (Node-API ${versions.napi}), ${platform} ${arch}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
