/** The command line of `npm run bench`. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ours, reference } from './implementations.mjs';
import { loadPhases, phaseNames } from './phases.mjs';
import { realInputs } from './real-inputs.mjs';
import { describeSizes, readSize } from './sizes.mjs';

const all = await loadPhases(phaseNames);
const storePhases = all.filter(phase => !phase.sizes).map(phase => phase.name);

export const usage = `Usage: npm run bench -- [options]

What to measure, by default the phases at their usual sizes:
  --phase NAME…       only these phases
  --growth            cost of an operation, and memory, as the store grows: phases that can grow, at two sizes
  --real DIR          phases that can use an existing store: DIR has its swingstore.sqlite and is only read
  --large X           the same phases on a generated store of mainnet's shape, X times as large (4 GB at 1)
  --order WHICH       with --large, the order of its items in the file: time, as a chain writes them (default), or vats
  --check-images DIR  compare the generated heap images with those in the store in DIR

How:
  --runs N            runs of each phase by each implementation (default 5)
  --scale X           multiply each phase's sizes by X (default 1)
  --size PHASE.SIZE=N…  set one size, ignoring the scale; PHASE=N sets the phase's first size
  --only WHICH        only ours or only reference
  --cold              drop the system's page cache of the input's files before each run (Linux)
  --no-limits         do not measure limits, which needs Rust's cargo
  --dir DIR           directory for stores, on a disk (default: the system's temporary directory)

What to write:
  --json FILE         the results as JSON
  --svg FILE          a chart of them
  --markdown FILE     the table as Markdown; replaces the table between its marks if FILE has one
  --help              print this

Phases and their sizes (--scale does not change those that count large things):
${describeSizes(all.filter(phase => phase.sizes))}

Phases that need --real or --large: ${storePhases.join(', ')}`;

export class UsageError extends Error {}

const insist = (condition, message) => {
  if (!condition) throw new UsageError(`${message}\n\nnpm run bench -- --help lists the options and the phases.`);
};

const options = {
  phase: { type: 'string', multiple: true, default: [] },
  growth: { type: 'boolean', default: false },
  real: { type: 'string' },
  large: { type: 'string' },
  order: { type: 'string' },
  cold: { type: 'boolean', default: false },
  'check-images': { type: 'string' },
  runs: { type: 'string', default: '5' },
  scale: { type: 'string', default: '1' },
  size: { type: 'string', multiple: true, default: [] },
  only: { type: 'string' },
  'no-limits': { type: 'boolean', default: false },
  json: { type: 'string' },
  svg: { type: 'string' },
  markdown: { type: 'string' },
  dir: { type: 'string', default: tmpdir() },
  help: { type: 'boolean', default: false },
};

const parse = args => {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${error.message}\n\nnpm run bench -- --help lists the options and the phases.`);
  }
};

/** Selects the phases to run from those that suit the kind of measurement. */
const choosePhases = (wanted, { growth, real, large }) => {
  const needsStore = Boolean(real ?? large);
  const suits = phase => (!growth || phase.growth) && (needsStore ? realInputs[phase.name] : phase.sizes);
  for (const name of wanted) {
    const phase = all.find(it => it.name === name);
    insist(phase, `there is no phase ${name}`);
    insist(phase.sizes || needsStore, `phase ${name} needs --real or --large`);
    insist(suits(phase), `phase ${name} cannot be combined with ${growth ? '--growth' : '--real or --large'}`);
  }
  return all.filter(phase => suits(phase) && (wanted.length === 0 || wanted.includes(phase.name)));
};

const readSizes = texts => {
  const wanted = {};
  for (const text of texts) {
    const read = readSize(text, all);
    insist(typeof read !== 'string', read);
    (wanted[read.phase] ??= {})[read.size] = read.value;
  }
  return wanted;
};

/** @param {string[]} args */
export const readArguments = args => {
  const { values, positionals } = parse(args);
  const { phase, only, growth, real } = values;
  insist(positionals.length === 0 || phase.length > 0, `unexpected ${positionals[0]}`);
  const [runs, scale] = [Number(values.runs), Number(values.scale)];
  insist(Number.isInteger(runs) && runs > 0, '--runs must be a whole number of at least 1');
  insist(scale > 0 && scale <= 100, '--scale must be a number above 0 and at most 100');
  insist(only === undefined || only === ours || only === reference, `--only must be ${ours} or ${reference}`);
  insist(
    only === undefined || values.svg === undefined,
    '--svg cannot be combined with --only: the chart compares both',
  );
  insist(!growth || only === undefined, '--growth cannot be combined with --only: it compares both');
  insist(!growth || values.svg === undefined, '--svg cannot be combined with --growth: there is no chart of growth');
  insist(!growth || real === undefined, '--real cannot be combined with --growth: an existing store has one size');
  insist(
    real === undefined || values.size.length === 0,
    '--real cannot be combined with --size: an existing store has one size',
  );
  insist(real === undefined || values.large === undefined, '--real cannot be combined with --large');
  insist(
    values.large === undefined || (!growth && values.size.length === 0 && scale === 1),
    '--large cannot be combined with --growth, --size or --scale: its own number says how large the store is',
  );
  const size = values.large === undefined ? undefined : Number(values.large);
  insist(size === undefined || (size > 0 && size <= 100), '--large must be a number above 0 and at most 100');
  const { order = 'time' } = values;
  insist(['time', 'vats'].includes(order), '--order must be time or vats');
  insist(values.order === undefined || size !== undefined, '--order needs --large');
  const isStore = dir => dir === undefined || existsSync(path.join(dir, 'swingstore.sqlite'));
  insist(isStore(real), `${real} is not a store: it has no swingstore.sqlite`);
  return {
    ...values,
    checkImages: values['check-images'],
    large: size === undefined ? undefined : { size, order },
    runs,
    scale,
    wanted: readSizes(values.size),
    phases: choosePhases([...phase, ...positionals], values),
    implementations: only === undefined ? [ours, reference] : [only],
  };
};
