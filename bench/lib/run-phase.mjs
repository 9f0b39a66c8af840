/** Runs one phase as often as wanted and sums it up. */
import { ours, reference } from './implementations.mjs';
import { runChild } from './process.mjs';
import { compare, summarize } from './statistics.mjs';

/** Throws unless all runs did the same. */
const insistSameWork = (name, runs) => {
  const all = Object.entries(runs).flatMap(([who, list]) => list.map(({ work }) => ({ who, work })));
  const [first] = all;
  for (const { who, work } of all) {
    if (work !== first.work) {
      throw Error(`phase ${name}: not the same work:\n  ${first.who}: ${first.work}\n  ${who}: ${work}`);
    }
  }
};

/**
 * @param {ReturnType<import('./workspace.mjs').makeWorkspace>} workspace
 * @param {{ runs: number, scale: number, implementations: string[] }} settings
 */
export const makeRunner = (workspace, { runs, scale, implementations }) => {
  /** What was prepared, by the function that prepares it, which phases may share. */
  const inputs = new Map();

  /** Input always comes from the reference, so that both get the same file. */
  const prepare = async phase => {
    if (!phase.prepare) return undefined;
    if (!inputs.has(phase.prepare)) {
      const input = await workspace.makeDirectory();
      await runChild({ role: 'prepare', phase: phase.name, implementation: reference, scale, input });
      inputs.set(phase.prepare, input);
    }
    return inputs.get(phase.prepare);
  };

  const runOnce = async (phase, implementation, input) => {
    const { remove, ...dirs } = await workspace.makeRunDirectories(input);
    try {
      return await runChild({ role: 'run', phase: phase.name, implementation, scale, input, ...dirs });
    } finally {
      await remove();
    }
  };

  /**
   * @param {import('./phases.mjs').Phase} phase
   * @param {(text: string) => void} say  told what is being done
   */
  return async (phase, say) => {
    const { name, goal } = phase;
    say(`${name}: preparing`);
    const input = await prepare(phase);
    const done = Object.fromEntries(implementations.map(implementation => [implementation, []]));
    for (let run = 1; run <= runs; run += 1) {
      for (const implementation of implementations) {
        say(`${name}: run ${run} of ${runs}, ${implementation}`);
        done[implementation].push(await runOnce(phase, implementation, input));
        insistSameWork(name, done);
      }
    }
    const result = { name, goal, figures: {}, runs: done };
    for (const implementation of implementations) {
      result[implementation] = summarize(done[implementation]);
      result.figures[implementation] = done[implementation][0].more;
    }
    if (implementations.length === 2) result.comparison = compare(done[ours], done[reference]);
    return result;
  };
};
