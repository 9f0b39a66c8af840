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

export const usage = `Usage: npm run bench -- [options]

What to measure, by default the phases at their usual sizes:
  --phase NAME…       only these phases
  --growth            cost of an operation, and memory, as the store grows: phases that can grow, at two sizes
  --real DIR          phases that suit a store that is there: DIR holds its swingstore.sqlite and is only read
  --check-images DIR  compare the heap images that are made up with those in the store in DIR

How:
  --runs N            runs of each phase by each implementation (default 5)
  --scale X           this part of each phase's work, for a quick look (default 1)
  --size PHASE.SIZE=N…  another size than below, whatever the scale; PHASE=N sets the phase's first
  --only WHICH        only ours or only reference
  --no-limits         do not measure limits, which takes Rust's cargo
  --dir DIR           where to put stores, on a disk (default: the system's temporary directory)

What to write:
  --json FILE         the results as JSON
  --svg FILE          a chart of them
  --markdown FILE     the table as Markdown; a file that has it already gets it between the same marks again
  --help              print this

Phases and their sizes (--scale leaves those alone that say how many of something large there are):
${describeSizes(all)}`;

export class UsageError extends Error {}

const insist = (condition, message) => {
  if (!condition) throw new UsageError(`${message}\n\nnpm run bench -- --help lists the options and the phases.`);
};

const options = {
  phase: { type: 'string', multiple: true, default: [] },
  growth: { type: 'boolean', default: false },
  real: { type: 'string' },
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

/** Which phases to run out of those that suit what is measured. */
const choosePhases = (wanted, { growth, real }) => {
  const suits = phase => (!growth || phase.growth) && (!real || realInputs[phase.name]);
  for (const name of wanted) {
    const phase = all.find(it => it.name === name);
    insist(phase, `there is no phase ${name}`);
    insist(suits(phase), `phase ${name} does not go with ${growth ? '--growth' : '--real'}`);
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
  insist(Number.isInteger(runs) && runs > 0, '--runs takes a whole number, at least 1');
  insist(scale > 0 && scale <= 100, '--scale takes a number above 0, at most 100');
  insist(only === undefined || only === ours || only === reference, `--only takes ${ours} or ${reference}`);
  insist(only === undefined || values.svg === undefined, 'a chart compares two: --svg does not go with --only');
  insist(!growth || only === undefined, 'growth is shown for both: --growth does not go with --only');
  insist(!growth || values.svg === undefined, 'there is no chart of growth: --svg does not go with --growth');
  insist(!growth || real === undefined, 'a store that is there does not grow: --real does not go with --growth');
  insist(real === undefined || values.size.length === 0, 'a store that is there has its size: not with --size');
  const isStore = dir => dir === undefined || existsSync(path.join(dir, 'swingstore.sqlite'));
  insist(isStore(real), `${real} is no store: it has no swingstore.sqlite`);
  return {
    ...values,
    checkImages: values['check-images'],
    runs,
    scale,
    wanted: readSizes(values.size),
    phases: choosePhases([...phase, ...positionals], values),
    implementations: only === undefined ? [ours, reference] : [only],
  };
};
