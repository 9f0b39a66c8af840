/**
 * Compares the CPU time of the phase kernel-trace with and without metrics:
 *
 *     node bench/metrics-cost.mjs [--runs 7] [--images 0]
 *
 * With metrics, a host has subscribed to all events, and calls `hostStorage.metrics()` after every fifth of the 142 blocks.
 * Runs alternate, each in its own process. `--images` is the size of heap images in percent. Where `perf` can count
 * instructions, they are compared, too: they vary less than times.
 */
import { spawnSync } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { percentile } from './lib/statistics.mjs';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    images: { type: 'string', default: '0' },
    child: { type: 'string' },
  },
});

/** A store whose host uses its metrics. */
const withMetrics = ({ hostStorage, ...others }) => {
  const { commit, metrics } = hostStorage;
  let blocks = 0;
  metrics();
  return {
    ...others,
    hostStorage: {
      ...hostStorage,
      commit: async () => {
        await commit();
        blocks += 1;
        if (blocks % 5 === 0) metrics();
      },
    },
  };
};

/** Runs the phase, and prints its CPU time in seconds. */
const runOnce = async how => {
  await import('@endo/init');
  const [{ run }, own, { makeMeter }] = await Promise.all([
    import('./phases/kernel-trace.mjs'),
    import('../index.mjs'),
    import('./lib/meter.mjs'),
  ]);
  let api = own;
  if (how === 'on') {
    for (const name of ['open', 'commit', 'snapshot', 'close']) subscribe(`swing-store:${name}`, () => {});
    api = { ...own, initSwingStore: (...args) => withMetrics(own.initSwingStore(...args)) };
  }
  const store = mkdtempSync(path.join(tmpdir(), 'swing-store-metrics-'));
  const { measure, figures } = makeMeter(false);
  try {
    await run({ api, store, sizes: { imagePercent: Number(values.images) }, measure });
  } finally {
    rmSync(store, { recursive: true });
  }
  console.log(figures().cpu);
};

const self = fileURLToPath(import.meta.url);
const counts = spawnSync('perf', ['stat', '-x', ',', '-e', 'instructions:u', 'true'], { encoding: 'utf8' });
const hasPerf = /^\d+,/m.test(counts.stderr ?? '');

/** Runs a process. Returns its CPU time, and the number of its instructions. */
const runChild = how => {
  const command = [process.execPath, self, '--child', how, '--images', values.images];
  const all = hasPerf ? ['perf', 'stat', '-x', ',', '-e', 'instructions:u', ...command] : command;
  const { status, stdout, stderr } = spawnSync(all[0], all.slice(1), { encoding: 'utf8' });
  if (status !== 0) throw Error(stderr);
  return { cpu: Number(stdout), instructions: Number(/^(\d+),/m.exec(stderr)?.[1]) };
};

const compare = () => {
  const results = { off: [], on: [] };
  for (let run = 0; run < Number(values.runs); run += 1) {
    for (const how of run % 2 === 0 ? ['off', 'on'] : ['on', 'off']) results[how].push(runChild(how));
  }
  for (const [what, unit, scale] of [
    ['cpu', 'ms of CPU time', 1000],
    ['instructions', 'million instructions', 1e-6],
  ]) {
    if (what === 'instructions' && !hasPerf) continue;
    const [off, on] = ['off', 'on'].map(
      how =>
        percentile(
          results[how].map(one => one[what]),
          50,
        ) * scale,
    );
    const percent = ((on / off - 1) * 100).toFixed(2);
    console.log(`${off.toFixed(1)} ${unit} without metrics, ${on.toFixed(1)} with them: ${percent} %`);
  }
};

if (values.child) await runOnce(values.child);
else compare();
