/** Describes the machine. */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { versionOf } from './implementations.mjs';

const { NAME, platformName } = createRequire(import.meta.url)('../../js/addon/platform.js');

const at = name => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** Whether a note about a file still concerns it: the file is not later by seconds, so that nothing has replaced it. */
const isAbout = (note, file) => {
  const [noted, made] = [note, file].map(name => statSync(name, { throwIfNoEntry: false })?.mtimeMs);
  return noted !== undefined && made !== undefined && made < noted + 5000;
};

/** The profile with which `scripts/build.mjs` built the addon; `undefined` if that is unknown. */
const readProfile = () => {
  const note = at('.cache/addon-profile');
  return isAbout(note, at(`${NAME}.${platformName()}.node`)) ? readFileSync(note, 'utf8') : undefined;
};

/** Whether `scripts/setup.mjs` compiled the reference's better-sqlite3 in less time than its authors do. */
const hasQuickSqlite = () =>
  isAbout(
    at('node_modules/.better-sqlite3-quick'),
    at('node_modules/better-sqlite3/build/Release/better_sqlite3.node'),
  );

export const describeMachine = async ({ implementations, runs, scale }) => ({
  versions: Object.fromEntries(await Promise.all(implementations.map(async it => [it, await versionOf(it)]))),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  processor: os.cpus()[0]?.model.trim() ?? 'unknown',
  cores: os.availableParallelism(),
  memory: os.totalmem(),
  load: os.loadavg(),
  profile: readProfile(),
  quickSqlite: hasQuickSqlite(),
  runs,
  scale,
});

/** The description as sentences. */
export const machineLines = machine => {
  const { versions, node, platform, processor, cores, memory, load, profile, quickSqlite, runs, scale } = machine;
  const lines = [
    `${Object.values(versions).join(' and ')}, Node.js ${node}, ${platform}`,
    `${processor}, ${cores} cores, ${(memory / 2 ** 30).toFixed(0)} GiB of memory, load ${load[0].toFixed(1)} at the start`,
  ];
  if (profile !== undefined && profile !== 'release') {
    lines.push(`the addon is a ${profile} build, which is slower than the published one ("npm run build")`);
  }
  if (quickSqlite) {
    lines.push(
      'the reference\'s better-sqlite3 is a quick build, which is slower than usual ("npm rebuild better-sqlite3")',
    );
  }
  const size = scale === 1 ? 'full size' : `at ${scale} of the full size, which makes ratios unreliable`;
  lines.push(`${runs} ${runs === 1 ? 'run' : 'runs'} each, ${size}`);
  return lines;
};
