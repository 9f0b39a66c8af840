// Kills a kernel-like process again and again, and looks each time whether its store is what it was at the last commit that
// the process was told of, or at the one that was under way. What it should be is what the reference has after the
// same blocks.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { heightOf, runBlock } from './crash-blocks.mjs';
import { reference, subject } from './implementations.mjs';
import { killLater } from './killing.mjs';

const program = fileURLToPath(new URL('../fixtures/crash/kernel.mjs', import.meta.url));

/** Everything that a store holds, as one hash: all keys, all records, all artifacts. */
const digest = async (api, dir, store) => {
  const hash = createHash('sha256');
  const say = text => hash.update(`${Buffer.byteLength(text)}:`).update(text);
  const { kvEntries } = store.debug.dump();
  for (const key of Object.keys(kvEntries).sort()) [key, kvEntries[key]].forEach(say);
  const exporter = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
  for await (const record of exporter.getExportData()) say(JSON.stringify(record));
  const names = [];
  for await (const name of exporter.getArtifactNames()) names.push(name);
  for (const name of names.sort()) {
    say(name);
    for await (const chunk of exporter.getArtifact(name)) hash.update(chunk);
  }
  await exporter.close();
  return hash.digest('hex');
};

/** What a store is after each block, according to the reference. */
const makeModel = (dir, seed) => {
  const store = reference.api.initSwingStore(dir, { keepSnapshots: true, exportCallback: () => {} });
  let height = 0;
  const digests = new Map();
  return {
    /** The digest at a height that is no lower than that of the time before, or one below. */
    async at(wanted) {
      for (; height < wanted; height += 1) {
        await runBlock(store, seed, height + 1);
        await store.hostStorage.commit();
      }
      if (height === wanted && !digests.has(wanted)) digests.set(wanted, await digest(reference.api, dir, store));
      for (const known of digests.keys()) if (known < wanted - 2) digests.delete(known);
      return digests.get(wanted);
    },
    close: () => store.hostStorage.close(),
  };
};

/** Runs the kernel, kills it after so long, and returns the last height that it reported, if any. */
const runAndKill = async (dir, seed, delay) => {
  const child = spawn(process.execPath, [program, dir, `${seed}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', text => (said += text));
  const { signal } = await killLater(child, () => said !== '', delay);
  if (signal !== 'SIGKILL') throw Error(`the kernel ended by itself, with code ${child.exitCode}`);
  const lines = said.split('\n').slice(0, -1);
  return { reported: Number(lines.findLast(line => line !== 'open') ?? NaN), commits: lines.length - 1 };
};

/**
 * Kills a kernel many times, at moments that chance picks.
 *
 * @param {string} base  a directory to work in
 * @param {{ rounds: number, seed: number, longest?: number, verifyEvery?: number, onRound?: (figures: object) => void }} options
 *   `longest`: how long it runs at the most before it is killed, in milliseconds
 * @returns what was tried, and how often what came of it
 */
export const crashKernel = async (base, { rounds, seed, longest = 100, verifyEvery = 10, onRound = () => {} }) => {
  const { openSwingStore, verifySwingStore } = subject.api;
  const dir = path.join(base, 'store');
  const model = makeModel(path.join(base, 'model'), seed);
  const figures = { rounds: 0, commits: 0, atLastReport: 0, inFlight: 0, verified: 0, height: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const { reported, commits } = await runAndKill(dir, seed, Math.random() * longest);
    const last = Number.isNaN(reported) ? figures.height : reported;

    const store = openSwingStore(dir, { keepSnapshots: true });
    const height = heightOf(store);
    const found = await digest(subject.api, dir, store);
    await store.hostStorage.close();
    if (height !== last && height !== last + 1) {
      throw Error(`round ${round}, seed ${seed}: block ${last} was committed, and the store is at block ${height}`);
    }
    const expected = height === 0 ? found : await model.at(height);
    if (found !== expected) throw Error(`round ${round}, seed ${seed}: the store is not what block ${height} made of it`);
    if (round % verifyEvery === verifyEvery - 1) {
      const { findings } = await verifySwingStore(dir, { artifactMode: 'debug' });
      const bad = findings.filter(({ severity }) => severity === 'error');
      if (bad.length) throw Error(`round ${round}, seed ${seed}: ${JSON.stringify(bad)}`);
      figures.verified += 1;
    }
    figures.rounds += 1;
    figures.commits += commits;
    figures[height === last ? 'atLastReport' : 'inFlight'] += 1;
    figures.height = height;
    onRound(figures);
  }
  await model.close();
  return figures;
};
