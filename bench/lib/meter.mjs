/** Measures one piece of work in this process. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** @param {boolean} stalls whether to measure the event loop's longest stall, too */
export const makeMeter = stalls => {
  let figures;

  const measure = async work => {
    if (figures) throw Error('a phase must measure once');
    const delays = stalls ? monitorEventLoopDelay({ resolution: 1 }) : undefined;
    // Collects the garbage of the preparation, which does not belong to the work.
    globalThis.gc?.();
    const { rss: rssBefore } = process.memoryUsage();
    if (delays) {
      delays.enable();
      await sleep(5);
      delays.reset();
    }

    const cpuBefore = process.cpuUsage();
    const start = process.hrtime.bigint();
    const result = await work();
    const wall = Number(process.hrtime.bigint() - start) / 1e9;
    const { user, system } = process.cpuUsage(cpuBefore);
    const { maxRSS } = process.resourceUsage();
    figures = { wall, cpu: (user + system) / 1e6, maxRSS: maxRSS * 1024, rssBefore };

    if (delays) {
      // The timer after a stall records it, even if the stall lasted to the end.
      await sleep(5);
      delays.disable();
      figures.stall = delays.max / 1e9;
    }
    return result;
  };

  return { measure, figures: () => figures };
};
