/** The command line of `npm run bench`. */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { ours, reference } from './implementations.mjs';
import { phaseNames } from './phases.mjs';

export const usage = `Usage: npm run bench -- [options]

  --phase NAME…   only these phases
  --runs N        runs of each phase by each implementation (default 5)
  --scale X       this part of each phase's work, for a quick look (default 1)
  --only WHICH    only ours or only reference
  --json FILE     also write the results as JSON
  --svg FILE      also draw a chart of them
  --dir DIR       where to put stores, on a disk (default: the system's temporary directory)
  --help          print this

Phases: ${phaseNames.join(', ')}`;

export class UsageError extends Error {}

const insist = (condition, message) => {
  if (!condition) throw new UsageError(`${message}\n\n${usage}`);
};

const options = {
  phase: { type: 'string', multiple: true, default: [] },
  runs: { type: 'string', default: '5' },
  scale: { type: 'string', default: '1' },
  only: { type: 'string' },
  json: { type: 'string' },
  svg: { type: 'string' },
  dir: { type: 'string', default: tmpdir() },
  help: { type: 'boolean', default: false },
};

const parse = args => {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${error.message}\n\n${usage}`);
  }
};

/** @param {string[]} args */
export const readArguments = args => {
  const { values, positionals } = parse(args);
  const { phase, only } = values;
  insist(positionals.length === 0 || phase.length > 0, `unexpected ${positionals[0]}`);
  const wanted = [...phase, ...positionals];
  for (const name of wanted) insist(phaseNames.includes(name), `there is no phase ${name}`);
  const [runs, scale] = [Number(values.runs), Number(values.scale)];
  insist(Number.isInteger(runs) && runs > 0, '--runs takes a whole number, at least 1');
  insist(scale > 0 && scale <= 100, '--scale takes a number above 0, at most 100');
  insist(only === undefined || only === ours || only === reference, `--only takes ${ours} or ${reference}`);
  insist(only === undefined || values.svg === undefined, 'a chart compares two: --svg does not go with --only');
  return {
    ...values,
    runs,
    scale,
    phases: phaseNames.filter(name => wanted.length === 0 || wanted.includes(name)),
    implementations: only === undefined ? [ours, reference] : [only],
  };
};
