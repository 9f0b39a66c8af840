// Kills a kernel-like process repeatedly, and checks each time whether its store is in the state of the last confirmed
// commit, or of the commit in progress. The expected state is that of the reference after the same blocks.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeArchiveCheck } from './check-archive.mjs';
import { contentsOf, copyRaw } from './store-contents.mjs';
import { heightOf, runBlock } from './random-blocks.mjs';
import { CONFIGS, makeWitness, openStore, optionsFor } from './store-kinds.mjs';
import { reference, subject } from '../common/implementations.mjs';
import { compileKiller, killerEnv } from './kill-at-call.mjs';
import { startWaiting } from './kill-at-random.mjs';

const program = fileURLToPath(new URL('programs/kernel.mjs', import.meta.url));

/** The largest number of system calls before a kill. */
const MOST_CALLS = 1500;

/** A digest of a store as one text, and its records. */
const digest = async (api, dir, store) => {
  const { state, artifacts, records } = await contentsOf(api, dir, store);
  return { text: JSON.stringify([state, ...artifacts]), records };
};

/** The reference's state after each block, and its messages to the host during the block. */
const makeModel = (dir, seed, config) => {
  const witness = makeWitness();
  const store = reference.api.initSwingStore(dir, optionsFor(reference.api, config, witness));
  let height = 0;
  const digests = new Map();
  const said = new Map();
  return {
    /** The digest at a height, which may be at most one lower than the previous height. */
    async at(wanted) {
      for (; height < wanted; height += 1) {
        const hashes = await runBlock(store, seed, height + 1);
        await store.hostStorage.commit();
        said.set(height + 1, witness.take(hashes));
      }
      if (height === wanted && !digests.has(wanted))
        digests.set(wanted, (await digest(reference.api, dir, store)).text);
      for (const known of digests.keys()) if (known < wanted - 2) digests.delete(known);
      for (const known of said.keys()) if (known < wanted - 1000) said.delete(known);
      return digests.get(wanted);
    },
    /** The messages to the host during a block that was reached before. */
    saidAt: wanted => said.get(wanted),
    close: () => store.hostStorage.close(),
  };
};

/** The messages of a process before it was killed. */
const understand = lines => {
  const opened = [];
  const done = [];
  let phase;
  for (const line of lines) {
    const [word, ...args] = line.split(' ');
    if (word === 'in') [phase] = args;
    else if (word === 'opened') opened.push({ height: Number(args[0]), after: done.length });
    else done.push({ height: Number(args[0]), hash: args[1] });
    if (word !== 'in') phase = 'between';
  }
  return { phase, opened, done };
};

/** Completes the archive from the store. The archive must have had no faults, and must have no unfinished files. */
const tidyArchive = async (dir, archiveDir) => {
  const { replaced } = await subject.api.archiveSwingStore(dir, archiveDir, { checkExisting: true });
  const left = fs.readdirSync(archiveDir).filter(name => !name.endsWith('.gz'));
  if (replaced || left.length) throw Error(`the archive had ${replaced} wrong files, and still has ${left}`);
};

/** Kills the process of one store `rounds` times. */
const liveAndDie = async (base, { seed, config, rounds, longest, verifyEvery, killer, figures, onRound }) => {
  const { verifySwingStore } = subject.api;
  const at = name => path.join(base, name);
  fs.mkdirSync(base);
  const model = makeModel(at('model'), seed, config);
  const checkArchive = config.archive !== 'none' && makeArchiveCheck(at('archive'));
  const args = [at('store'), `${seed}`, JSON.stringify(config)];
  if (checkArchive) args.push(at('archive'));
  // Half of the kills happen at a random time, half before a system call that changes the store's files.
  const start = () => {
    if (!killer || Math.random() < 0.5) return { child: startWaiting(program, args), delay: Math.random() * longest };
    const env = killerEnv(killer, { under: at('store'), at: 1 + Math.floor(Math.random() * MOST_CALLS) });
    return { child: startWaiting(program, args, env), delay: longest * 10 };
  };
  let known = 0;
  let next = start();
  try {
    for (let round = 0; round < rounds; round += 1) {
      const fail = problem => {
        throw Error(`round ${round}, seed ${seed}, ${JSON.stringify(config)}: ${problem}`);
      };
      const { child, delay } = next;
      next = start();
      const { lines, signal, code } = await child.goAndKill(delay);
      if (signal !== 'SIGKILL') fail(`the kernel ended by itself, with code ${code}`);
      const { phase, opened, done } = understand(lines);
      const last = done.at(-1)?.height ?? known;
      for (const { height, after } of opened) {
        const before = done[after - 1]?.height ?? known;
        if (height !== before) fail(`block ${before} was found before, and the store opened at block ${height}`);
      }

      // Half of the time, the next process gets the store as the killed one left it, and not as the check left it.
      let dir = at('store');
      const raw = Math.random() < 0.5;
      if (raw) copyRaw(dir, (dir = at('copy')));
      const { exportCallback: _, ...options } = optionsFor(subject.api, config, makeWitness());
      const store = openStore(subject.api, dir, config, options);
      const height = heightOf(store);
      const found = await digest(subject.api, dir, store);
      await store.hostStorage.close();
      if (height !== last && height !== last + 1)
        fail(`block ${last} was committed, and the store is at block ${height}`);
      if (found.text !== (await model.at(height))) fail(`the store is not what block ${height} made of it`);
      for (const { height: at_, hash } of done) {
        if (hash !== model.saidAt(at_)) fail(`what the store said in block ${at_} is not what it should have said`);
      }
      if (checkArchive) figures.unfinishedFiles += checkArchive(found.records) > 0 ? 1 : 0;
      if (figures.rounds % verifyEvery === verifyEvery - 1) {
        const { findings } = await verifySwingStore(dir, { artifactMode: 'debug' });
        const bad = findings.filter(({ severity }) => severity === 'error');
        if (bad.length) fail(JSON.stringify(bad));
        figures.verified += 1;
      }
      known = height;
      figures.rounds += 1;
      figures.commits += done.length;
      figures.raw += Number(raw);
      figures[height === last ? 'atLastReport' : 'inFlight'] += 1;
      figures.killedIn[phase] = (figures.killedIn[phase] ?? 0) + 1;
      onRound(figures);
    }
    if (config.archive === 'native') await tidyArchive(at('store'), at('archive'));
  } finally {
    next.child.stop();
    await model.close();
  }
};

/**
 * Kills kernels many times, at random times, on stores of all kinds.
 *
 * @param {string} base a working directory
 * @param {{ rounds: number, seed: number, life?: number, longest?: number, verifyEvery?: number,
 *   onRound?: (figures: object) => void }} options
 *   `life`: the number of kills before a new store of the next kind;
 *   `longest`: the longest time before a kill, in milliseconds
 * @returns the numbers of kills, commits and outcomes
 */
export const crashKernel = async (base, options) => {
  const { rounds, seed, life = 150, longest = 100, verifyEvery = 10, onRound = () => {} } = options;
  const figures = {
    rounds: 0,
    commits: 0,
    atLastReport: 0,
    inFlight: 0,
    raw: 0,
    verified: 0,
    unfinishedFiles: 0,
    killedIn: {},
  };
  const killer = compileKiller(base);
  for (let n = 0; figures.rounds < rounds; n += 1) {
    const dir = path.join(base, `${n}`);
    const config = CONFIGS[n % CONFIGS.length];
    const more = { rounds: Math.min(life, rounds - figures.rounds), longest, verifyEvery, killer, figures, onRound };
    await liveAndDie(dir, { seed: seed + n, config, ...more });
    fs.rmSync(dir, { recursive: true });
  }
  return figures;
};
