/** Runs one phase several times and summarizes the results. */
import { mkdir } from 'node:fs/promises';
import { ours, reference } from './implementations.mjs';
import { runLimit } from './limits.mjs';
import { dropCache } from './page-cache.mjs';
import { storeIn } from './paths.mjs';
import { runChild } from './process.mjs';
import { realInputs } from './real-inputs.mjs';
import { resolveSizes } from './sizes.mjs';
import { compare, compareParts, summarize, summarizeLimit } from './statistics.mjs';

/** Throws unless all runs had the same result. */
const insistSameWork = (name, runs) => {
  const all = Object.entries(runs).flatMap(([who, list]) => list.map(({ work }) => ({ who, work })));
  const [first] = all;
  for (const { who, work } of all) {
    if (work !== first.work) {
      throw Error(`phase ${name}: different results:\n  ${first.who}: ${first.work}\n  ${who}: ${work}`);
    }
  }
};

/** Makes a large store with the reference. Returns its directory. */
export const prepareLargeStore = async (workspace, large) => {
  const input = await workspace.makeDirectory();
  await runChild({ role: 'large', phase: 'export', implementation: reference, input, large });
  return storeIn(input);
};

/**
 * @param {ReturnType<import('./workspace.mjs').makeWorkspace>} workspace
 * @param {{ runs: number, scale: number, implementations: string[], real?: string, limits?: string,
 *   wanted: Record<string, Record<string, number>>, cold: boolean }} settings `real` is an existing store to use as input;
 *   `limits` is the program that measures limits; `wanted` has sizes by phase; `cold` drops the page cache of the files
 *   first
 */
export const makeRunner = (workspace, settings) => {
  const { runs, scale, implementations: wantedImplementations, real, large, limits, wanted, cold } = settings;
  /** Prepared inputs, by kind and sizes, which phases may share. */
  const inputs = new Map();
  const makers = [];

  /** The reference always makes the input, so that both get the same file. */
  const prepare = async (phase, sizes) => {
    if (!phase.input) return undefined;
    const relevant = Object.keys(phase.input.sizes).map(name => sizes[name]);
    if (!makers.includes(phase.input)) makers.push(phase.input);
    const key = real ? realInputs[phase.name] : JSON.stringify([makers.indexOf(phase.input), relevant]);
    if (!inputs.has(key)) {
      const input = await workspace.makeDirectory();
      await runChild({ role: 'prepare', phase: phase.name, implementation: reference, sizes, input, real });
      inputs.set(key, input);
    }
    return inputs.get(key);
  };

  /** Prepares a phase's limit. Returns a function that measures it once. */
  const prepareLimit = async (phase, sizes, input) => {
    if (!limits || !phase.limit || !wantedImplementations.includes(ours)) return undefined;
    const plan = await workspace.makeDirectory();
    const job = { phase: phase.name, implementation: reference, sizes, input, plan };
    const prepared = await runChild({ role: 'plan', ...job });
    const timeHash = async bytes => (await runChild({ role: 'hash', ...job, bytes })).wall;
    return async () => {
      const { remove, ...dirs } = await workspace.makeRunDirectories(input);
      try {
        await mkdir(dirs.store, { recursive: true });
        const directories = { ...dirs, input, plan };
        const beforehand = async () => {
          if (cold) await dropCache([input, dirs.store]);
        };
        const figures = await runLimit(prepared, { program: limits, directories, beforehand, timeHash });
        if (!phase.limit.host) return figures;
        const { wall, more } = await runChild({ role: 'host', ...job, cold, ...dirs });
        return { ...figures, host: wall, hostBlock: more?.medianBlock };
      } finally {
        await remove();
      }
    };
  };

  const runOnce = async (phase, implementation, sizes, input) => {
    const { remove, ...dirs } = await workspace.makeRunDirectories(input);
    try {
      return await runChild({ role: 'run', phase: phase.name, implementation, sizes, input, cold, ...dirs });
    } finally {
      await remove();
    }
  };

  /** The reason why a phase can't run; `undefined` if it can. */
  const obstacle = async phase => {
    if (!phase.needs) return undefined;
    const { missing } = await runChild({ role: 'look', phase: phase.name, implementation: ours });
    return missing ? `this build lacks ${phase.needs}` : undefined;
  };

  /**
   * @param {import('./phases.mjs').Phase} phase
   * @param {(text: string) => void} say receives progress messages
   * @param {Record<string, number>} [grown] sizes that replace the phase's own
   */
  return async (phase, say, grown = {}) => {
    const { name, unit, limitGoal } = phase;
    const goal = large ? phase.largeGoals?.[large.order] : phase.goal;
    const implementations = phase.oursOnly ? wantedImplementations.filter(it => it === ours) : wantedImplementations;
    if (implementations.length === 0) return { name, goal, skipped: 'only this package can do it' };
    say(`${name}: preparing`);
    const sizes = resolveSizes(phase.sizes ?? {}, scale, { ...wanted[name], ...grown });
    const skipped = await obstacle(phase);
    if (skipped) return { name, goal, skipped };
    const input = await prepare(phase, sizes);
    const measureLimit = await prepareLimit(phase, sizes, input);
    const done = Object.fromEntries(implementations.map(implementation => [implementation, []]));
    const limitRuns = [];
    for (let run = 1; run <= runs; run += 1) {
      for (const implementation of implementations) {
        say(`${name}: run ${run} of ${runs}, ${implementation}`);
        done[implementation].push(await runOnce(phase, implementation, sizes, input));
        insistSameWork(name, done);
      }
      if (measureLimit) {
        say(`${name}: run ${run} of ${runs}, limit`);
        limitRuns.push(await measureLimit());
      }
    }
    // An existing store has sizes of its own.
    const result = { name, goal, limitGoal, unit, sizes: real ? undefined : sizes, figures: {}, runs: done };
    for (const implementation of implementations) {
      result[implementation] = summarize(done[implementation]);
      result.figures[implementation] = done[implementation][0].more;
    }
    if (measureLimit) result.limit = summarizeLimit(phase.limit, limitRuns, result[ours]);
    if (implementations.length === 2) {
      result.comparison = compare(done[ours], done[reference]);
      if (phase.parts) result.parts = compareParts(phase.parts, done[ours], done[reference]);
    }
    return result;
  };
};
