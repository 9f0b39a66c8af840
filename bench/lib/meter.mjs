/** Measures one piece of work in this process. */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** The bytes that this process has read from disks, and written to them. Linux only; undefined elsewhere. */
const readIO = () => {
  try {
    const text = readFileSync('/proc/self/io', 'utf8');
    const numberOf = name => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1]);
    return { read: numberOf('read_bytes'), written: numberOf('write_bytes') };
  } catch {
    return undefined;
  }
};

/**
 * @param {boolean} stalls whether to measure the event loop's longest stall, too
 * @param {() => Promise<void>} [beforehand] called before the measurement starts
 */
export const makeMeter = (stalls, beforehand = async () => {}) => {
  let figures;

  const measure = async work => {
    if (figures) throw Error('a phase must measure once');
    const delays = stalls ? monitorEventLoopDelay({ resolution: 1 }) : undefined;
    await beforehand();
    // Collects the garbage of the preparation, which does not belong to the work.
    globalThis.gc?.();
    const { rss: rssBefore } = process.memoryUsage();
    if (delays) {
      delays.enable();
      await sleep(5);
      delays.reset();
    }

    const ioBefore = readIO();
    const cpuBefore = process.cpuUsage();
    const start = process.hrtime.bigint();
    const result = await work();
    const wall = Number(process.hrtime.bigint() - start) / 1e9;
    const { user, system } = process.cpuUsage(cpuBefore);
    const { maxRSS } = process.resourceUsage();
    const ioAfter = readIO();
    const io = ioBefore && { read: ioAfter.read - ioBefore.read, written: ioAfter.written - ioBefore.written };
    figures = { wall, cpu: (user + system) / 1e6, maxRSS: maxRSS * 1024, rssBefore, ...io };

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
