/**
 * Measures the least cost of a phase's work, in the same run, with the program `benches/limits`, which contains neither
 * Node.js nor a store.
 */
import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const build = [
  ...['build', '--locked', '--release', '--bench', 'limits', '--no-default-features'],
  '--message-format=json-render-diagnostics',
];

/** @returns {Promise<string>} cargo's messages, one per line */
const cargo = () =>
  new Promise((resolve, reject) => {
    const child = spawn('cargo', build, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let [messages, complaints] = ['', ''];
    child.stdout.on('data', chunk => (messages += chunk));
    child.stderr.on('data', chunk => (complaints += chunk));
    child.once('error', error => reject(Error(`could not run cargo (${error.message})`)));
    child.once('close', status => {
      if (status === 0) resolve(messages);
      else reject(Error(`cargo failed:\n${complaints.trimEnd()}`));
    });
  });

/**
 * Compiles the program.
 *
 * @returns {Promise<{ program?: string, note?: string }>} a note explains why there is no program
 */
export const buildLimits = async () => {
  try {
    for (const line of (await cargo()).split('\n')) {
      if (!line.startsWith('{')) continue;
      const { target, executable } = JSON.parse(line);
      if (target?.name === 'limits' && executable) return { program: executable };
    }
    return { note: 'Limits were not measured: cargo reported no program.' };
  } catch (error) {
    return { note: `Limits were not measured: ${error.message}. This needs Rust's cargo and a C compiler.` };
  }
};

/**
 * Resolves a command's arguments: words that start with `store:`, `scratch:` or `plan:` are paths in the run's store, in its
 * empty directory, and in the plan's directory.
 */
const resolveWords = (words, directories) =>
  words.map(word => {
    const [, kind, rest] = /^(store|scratch|plan|input):(.*)$/.exec(word) ?? [];
    return kind ? path.join(directories[kind], rest) : word;
  });

/** Adds numbers; `null` if one is unknown. */
const add = numbers => (numbers.includes(null) ? null : numbers.reduce((a, b) => a + b, 0));

/**
 * Measures a limit once.
 *
 * @param {import('./phases.mjs').PreparedLimit} prepared
 * @param {object} how
 * @param {string} how.program
 * @param {{ store: string, scratch: string, plan: string, input?: string }} how.directories
 * @param {() => Promise<void>} how.beforehand called before each command
 * @param {(bytes: number) => Promise<number>} how.timeHash measures SHA-256
 * @returns {Promise<{ wall: number, cpu: number | null, bytes: number, transactions: number[], sync?: number,
 *   parts?: Record<string, number>, sha256?: number }>} `parts` are the times that `wall` consists of, if there are several;
 *   `sha256` is that of hashing if `wall` does not include it
 */
export const runLimit = async (prepared, { program, directories, beforehand, timeHash }) => {
  const { command, commands = { command }, hash, combine } = prepared;
  const parts = {};
  const all = [];
  for (const [part, words] of Object.entries(commands)) {
    await beforehand();
    const { stdout } = await promisify(execFile)(program, resolveWords(words, directories));
    const figures = JSON.parse(stdout);
    parts[part] = figures.wall;
    all.push(figures);
  }
  const sha256 = hash === undefined ? undefined : await timeHash(hash);
  if (combine) parts['SHA-256'] = sha256;
  const walls = Object.values(parts);
  return {
    wall: combine === 'largest' ? Math.max(...walls) : add(walls),
    cpu: add(all.map(({ cpu }) => cpu)),
    bytes: all[0].bytes,
    transactions: all.flatMap(({ transactions }) => transactions),
    sync: all.length === 1 ? (all[0].sync ?? undefined) : undefined,
    parts: walls.length > 1 ? parts : undefined,
    sha256: combine ? undefined : sha256,
  };
};
