/** Describes the machine. */
import os from 'node:os';
import { versionOf } from './implementations.mjs';

export const describeMachine = async ({ implementations, runs, scale }) => ({
  versions: Object.fromEntries(await Promise.all(implementations.map(async it => [it, await versionOf(it)]))),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  processor: os.cpus()[0]?.model.trim() ?? 'unknown',
  cores: os.availableParallelism(),
  memory: os.totalmem(),
  load: os.loadavg(),
  runs,
  scale,
});

/** The description as sentences. */
export const machineLines = ({ versions, node, platform, processor, cores, memory, load, runs, scale }) => [
  `${Object.values(versions).join(' and ')}, Node.js ${node}, ${platform}`,
  `${processor}, ${cores} cores, ${(memory / 2 ** 30).toFixed(0)} GiB of memory, load ${load[0].toFixed(1)} at the start`,
  `${runs} ${runs === 1 ? 'run' : 'runs'} each, ` +
    (scale === 1 ? 'full size' : `at ${scale} of the full size, which makes ratios unreliable`),
];
