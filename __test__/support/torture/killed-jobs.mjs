// Kills a job at a random time, checks what it has left, and repeats it.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { makeRandom } from '../../../bench/lib/random.mjs';
import * as api from '../../../index.mjs';
import { jobs, makeMaterial, prepare, prepareForeign } from './job-checks.mjs';
import { works } from './jobs.mjs';
import { checkDurable } from './sync-order.mjs';
import { callsIn, compileKiller, isNaming, killerEnv } from './kill-at-call.mjs';
import { startWaiting } from './kill-at-random.mjs';

const program = fileURLToPath(new URL('programs/job.mjs', import.meta.url));

/** The names of all jobs: `WORK`, or `WORK.NUMBER` if there are several inputs. */
export const jobNames = Object.entries(jobs).flatMap(([work, list]) =>
  list.map((_, i) => (list.length > 1 ? `${work}.${i}` : work)),
);

const findJob = name => {
  const [work, number = '0'] = name.split('.');
  const job = jobs[work]?.[Number(number)];
  if (!job) throw Error(`there is no job ${name}; there are: ${jobNames.join(', ')}`);
  return { work, job };
};

/**
 * Chooses when to kill: by time, from the beginning to slightly after the end, more often near the end, where files get
 * their names; and before system calls: each that changes names in turn, and random others.
 */
const makePlan = ({ random, time, calls }) => {
  const naming = calls.map((call, i) => (isNaming(call) ? i + 1 : 0)).filter(i => i > 0);
  let next = random.below(naming.length || 1);
  const part = () => random.uint32() / 2 ** 32;
  return round => {
    if (!calls.length || round % 3 === 0)
      return { delay: time * (random.chance(0.5) ? 1.1 * part() : 0.7 + 0.4 * part()) };
    if (round % 3 === 1 || !naming.length) return { at: 1 + random.below(calls.length) };
    next = (next + 1) % naming.length;
    // The call itself, or the next one.
    return { at: naming[next] + random.below(2) };
  };
};

/**
 * Kills one job many times.
 *
 * @param {string} base a working directory with the inputs
 * @param {string} name
 * @param {{ rounds: number, seed: number, killer?: string, onRound?: () => void }} options
 */
const killOne = async (base, name, { rounds, seed, killer, onRound = () => {} }) => {
  const { work, job } = findJob(name);
  const at = file => path.join(base, file);
  const start = env => startWaiting(program, [work, base], env);
  const begin = () => {
    prepare(at, job);
    prepareForeign(at, job);
  };
  const finish = async env => {
    const { time, code, signal, lines } = await start(env).goAndKill();
    if (code !== 0 || !lines.includes('done')) throw Error(`${name} ended with ${code ?? signal}`);
    return time;
  };

  // The first runs are not killed.
  begin();
  const log = at('calls.log');
  if (killer) await finish(killerEnv(killer, { under: at('to'), log }));
  else await finish();
  const whole = await job.whole(api, at);
  job.clean(at, whole);
  begin();
  const time = await finish();
  const calls = callsIn(log);
  const durable = checkDurable(calls);
  fs.rmSync(log, { force: true });

  const plan = makePlan({ random: makeRandom(seed), time, calls });
  const figures = { time: Math.round(time), calls: calls.length, durable, killed: 0, left: {} };
  const startNext = round => {
    const { delay, at: call } = plan(round);
    const env = call ? killerEnv(killer, { under: at('to'), at: call }) : process.env;
    return { child: start(env), delay, call };
  };
  let next = startNext(0);
  try {
    for (let round = 0; round < rounds; round += 1) {
      const { child, delay, call } = next;
      next = startNext(round + 1);
      begin();
      const { signal, code, lines } = await child.goAndKill(delay);
      const where = `${name}, round ${round}, seed ${seed}, ${call ? `call ${call}: ${calls[call - 1]}` : `${delay} ms`}`;
      try {
        if (signal !== 'SIGKILL' && code !== 0) throw Error(`it ended by itself, with code ${code}`);
        const left = await job.look(api, at, whole);
        if (lines.includes('done') && left !== 'whole') throw Error(`it was done, and left ${left}`);
        figures.killed += signal === 'SIGKILL' ? 1 : 0;
        figures.left[left] = (figures.left[left] ?? 0) + 1;
        if (left === 'whole') job.whenWhole?.(at, whole);
        if (work.endsWith('Cli')) await finish();
        else await works[work](at);
        const again = await job.look(api, at, whole);
        if (again !== 'whole') throw Error(`the second attempt left ${again}`);
        job.clean(at, whole);
      } catch (error) {
        throw Error(`${where}: ${error.message}`, { cause: error });
      }
      onRound();
    }
  } finally {
    next.child.stop();
  }
  return figures;
};

/**
 * Kills each job many times.
 *
 * @param {string} base a working directory
 * @param {{ names?: string[], rounds: number, seed: number, size?: { items: number, imageSize: number },
 *   onRound?: (name: string) => void, onJob?: (name: string, figures: object) => void }} options
 *   `rounds`: the number of kills of each job; `size`: the size of the stores
 * @returns counts of what was left, by job
 */
export const crashJobs = async (base, options) => {
  const {
    names = jobNames,
    rounds,
    seed,
    size = { items: 200, imageSize: 300_000 },
    onRound = () => {},
    onJob = () => {},
  } = options;
  names.forEach(findJob);
  await makeMaterial(api, name => path.join(base, name), size);
  const killer = compileKiller(base);
  const figures = {};
  for (const [i, name] of names.entries()) {
    figures[name] = await killOne(base, name, { rounds, seed: seed + i, killer, onRound: () => onRound(name) });
    onJob(name, figures[name]);
  }
  return figures;
};
