/** Measures one piece of work in this process. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** @param {boolean} stalls  also measure the event loop's longest stall */
export const makeMeter = stalls => {
  let figures;

  const measure = async work => {
    if (figures) throw Error('a phase measures once');
    const delays = stalls ? monitorEventLoopDelay({ resolution: 1 }) : undefined;
    // What the set-up left behind is not the work's garbage.
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
      // A stall that lasted to the end is only noticed by the timer after it.
      await sleep(5);
      delays.disable();
      figures.stall = delays.max / 1e9;
    }
    return result;
  };

  return { measure, figures: () => figures };
};
