// Runs the example of cosmic-swingset as its README says: installs it with this package in the place of every swing-store,
// runs the chain in two parts, reads its metrics meanwhile, and verifies its store.

import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { run } from '../../support/external/processes.mjs';
import { swingStoreNames } from '../../support/external/trees.mjs';

const BLOCKS = 12;

/** The example's manifest with the tarball in the place of the package on the registry, as its README says. */
const withTarball = (example, subject, file) => {
  const text = readFileSync(join(example, 'package.json'), 'utf8');
  return text.replaceAll(`npm:${subject.name}@^${subject.version}`, `file:./${file}`);
};

const install = async ({ example, subject, dir, work, tarball }) => {
  mkdirSync(dir, { recursive: true });
  const manifest = withTarball(example, subject, basename(tarball));
  const done = join(dir, 'installed.json');
  for (const name of readdirSync(example)) {
    if (name === 'node_modules' || name === 'package.json') continue;
    rmSync(join(dir, name), { recursive: true, force: true });
    cpSync(join(example, name), join(dir, name), { recursive: true });
  }
  if (existsSync(done) && readFileSync(done, 'utf8') === manifest) return;
  rmSync(done, { force: true });
  for (const name of readdirSync(dir).filter(file => file.endsWith('.tgz'))) rmSync(join(dir, name));
  copyFileSync(tarball, join(dir, basename(tarball)));
  writeFileSync(join(dir, 'package.json'), manifest);
  const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--foreground-scripts'];
  const env = { MAKEFLAGS: `-j${availableParallelism()}` };
  await run(join(work, 'logs', 'cosmic-swingset-install.log'), 'npm', args, { cwd: dir, env, minutes: 30 });
  writeFileSync(done, manifest);
};

/** A port that nothing listens on. */
const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** What the chain serves to Prometheus, once it has run some blocks. */
const scrape = async (port, isEnough, ended) => {
  let text = '';
  while (!isEnough(text) && !ended()) {
    text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      response => response.text(),
      () => '',
    );
    await sleep(200);
  }
  return text;
};

/** The value of a sample, or the sum if there are several, with labels; `undefined` if there is none. */
const valueOf = (text, name) => {
  const samples = [...text.matchAll(RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))].map(([, value]) => Number(value));
  return samples.length === 0 ? undefined : samples.reduce((sum, value) => sum + value);
};

/** @param {object} powers */
export const runCosmicSwingset = async ({ checks, progress, subject, example, dir, work, tarball }) => {
  progress('cosmic-swingset: installing, and compiling its workers: takes minutes');
  await install({ example, subject, dir, work, tarball });
  const names = swingStoreNames(dir);
  checks.holds(
    `cosmic-swingset: the host and the kernel use ${subject.name}`,
    names.length > 0 && names.every(name => name === subject.name),
    `they use ${names.join(', ') || 'none'}`,
  );

  const home = join(dir, 'chain');
  const archive = join(dir, 'archive');
  for (const old of [home, archive]) rmSync(old, { recursive: true, force: true });
  const port = await freePort();
  const runChain = async (part, more) => {
    const log = join(work, 'logs', `cosmic-swingset-${part}.log`);
    const env = { CHAIN_HOME: home, CHAIN_ARCHIVE: archive, BLOCKS: `${BLOCKS}`, ...more };
    let ended = false;
    const chain = run(log, 'npm', ['start'], { cwd: dir, env, minutes: 10 }).finally(() => (ended = true));
    const metrics = more.OTEL_EXPORTER_PROMETHEUS_PORT
      ? scrape(
          port,
          text => valueOf(text, 'swing_store_commit_seconds_count') >= BLOCKS - 2,
          () => ended,
        )
      : Promise.resolve('');
    const [, text] = await Promise.all([chain, metrics]);
    return { text, output: readFileSync(log, 'utf8') };
  };

  progress('cosmic-swingset: the first part');
  const first = await runChain('first', { BLOCK_SECONDS: '0' });
  checks.holds(
    `cosmic-swingset: a new chain runs ${BLOCKS} blocks`,
    first.output.includes(`block ${BLOCKS}\n`),
    first.output,
  );
  progress('cosmic-swingset: the second part');
  const second = await runChain('second', { BLOCK_SECONDS: '1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` });
  checks.holds(
    'cosmic-swingset: it continues after a restart',
    second.output.includes(`block ${2 * BLOCKS}\n`) && !second.output.includes(`block ${BLOCKS}\n`),
    second.output,
  );
  checks.holds(
    "cosmic-swingset: the kernel's metrics are there",
    valueOf(second.text, 'swingset_crank_processing_time_count') > 0,
    second.text.slice(0, 2000),
  );
  checks.holds(
    "cosmic-swingset: the store's metrics are there, with its commits, and the archive has all history",
    valueOf(second.text, 'swing_store_commit_seconds_count') >= BLOCKS - 2 &&
      valueOf(second.text, 'swing_store_file_bytes') > 0 &&
      valueOf(second.text, 'swing_store_archive_up') === 1,
    second.text.slice(-4000),
  );
  const spans = readdirSync(archive).filter(name => name.startsWith('transcript.'));
  checks.holds(
    'cosmic-swingset: ended spans are archived',
    spans.length > 0,
    `in the archive: ${readdirSync(archive)}`,
  );

  const verify = join(work, 'logs', 'cosmic-swingset-verify.log');
  await run(verify, 'npx', ['swing-store', 'verify', '--home', home], { cwd: dir });
  const verified = readFileSync(verify, 'utf8');
  checks.holds(
    'cosmic-swingset: the store verifies at the last block',
    RegExp(`block ${2 * BLOCKS}\\b`).test(verified),
    verified,
  );
};
