// The command line.

import { parseArgs } from 'node:util';

import { UsageError } from './errors.js';

export const HELP = `\
Usage: replay.js [OPTIONS] DIRECTORY --vat VAT

Replays vats in xsnap workers: feeds them the recorded deliveries, answers their system calls from the transcript, and
compares each system call, each result, and the heap image at each snapshot with the record.

Arguments:
  DIRECTORY               a store (with swingstore.sqlite), or an export of one (with export-manifest.json)

What to replay:
  --vat VAT               a vat, by its ID or its name; may be repeated
  --all-vats              every vat with a current incarnation that ran in xsnap
  --incarnation NUMBER    the incarnation, or "all"; a vat's first one is 0 [default: the current one]
  --from-snapshot         start from the last heap snapshot of the incarnation, as a kernel does
  --start POSITION        start from the heap snapshot that the span at POSITION loads
  --until POSITION        stop after POSITION, and write the heap image to a file
  --image FILE            that file [default: VAT-POSITION.xss in the working directory]
  --history-from PLACE    a directory or URL with an archive or export, for artifacts that the store has pruned

How:
  --at-snapshot WHAT      after each snapshot, "restart" the worker from the image, as a kernel does by default; or
                          "continue" with it; or replay with two workers that do "both" [default: restart]
  --ignore-images         a heap image that differs from the record does not count
  --compare-computrons    a number of computrons that differs from the record counts; kernels ignore it when they replay
  --worker-program FILE   another xsnap-worker than that of the installed @agoric/xsnap

Output:
  --json                  print one JSON document
  --console               print what vats write to their console, to stderr
  --progress WHEN         "auto" (on a terminal), "lines" or "none" [default: auto]
  --help, --version

Exit codes: 0 if all replays equal the record, 1 if one diverges, 2 if the command line is wrong or a replay is
impossible, 130 or 143 after an interrupt.
`;

const KNOWN = {
  vat: { type: 'string', multiple: true },
  'all-vats': { type: 'boolean' },
  incarnation: { type: 'string' },
  'from-snapshot': { type: 'boolean' },
  start: { type: 'string' },
  until: { type: 'string' },
  image: { type: 'string' },
  'history-from': { type: 'string' },
  'at-snapshot': { type: 'string' },
  'ignore-images': { type: 'boolean' },
  'compare-computrons': { type: 'boolean' },
  'worker-program': { type: 'string' },
  json: { type: 'boolean' },
  console: { type: 'boolean' },
  progress: { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
};

const SNAPSHOT_MODES = { restart: ['restart'], continue: ['continue'], both: ['restart', 'continue'] };

/** Throws unless a condition holds. */
const check = (condition, message) => {
  if (!condition) throw new UsageError(message);
};

const wholeNumber = (option, text) => {
  const number = Number(text);
  check(
    /^\d+$/.test(text) && Number.isSafeInteger(number),
    `--${option} must be a whole number, 0 or greater, and is ${JSON.stringify(text)}`,
  );
  return number;
};

const oneOf = (option, allowed, value) => {
  check(
    allowed.includes(value),
    `--${option} must be one of ${allowed.map(one => `"${one}"`).join(', ')}, and is ${JSON.stringify(value)}`,
  );
  return value;
};

const parse = args => {
  try {
    return parseArgs({ args, options: KNOWN, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new UsageError(error.message);
  }
};

/** Throws if an option that may have only one value is given twice: parseArgs would take the last value. */
const checkRepetition = tokens => {
  const seen = new Set();
  for (const { kind, name } of tokens) {
    if (kind === 'option' && !KNOWN[name].multiple) {
      check(!seen.has(name), `--${name} is given more than once`);
      seen.add(name);
    }
  }
};

/**
 * Parses the command line.
 *
 * @param {string[]} args the arguments after the program's name
 * @returns the options, or `{ help: true }` or `{ version: true }`
 * @throws {UsageError} if an argument is unknown, malformed, or contradicts another one
 */
export const parseOptions = args => {
  const { values, positionals, tokens } = parse(args);
  if (values.help) return { help: true };
  if (values.version) return { version: true };
  checkRepetition(tokens);

  const vats = values.vat ?? [];
  const allVats = values['all-vats'] ?? false;
  check(positionals.length > 0, 'the directory of a store or an export is missing');
  check(positionals.length === 1, `one directory is expected, but there are ${positionals.length} arguments`);
  check(positionals[0] !== '', 'the directory is empty');
  for (const [name, value] of Object.entries(values)) check(![value].flat().includes(''), `--${name} is empty`);
  check(vats.length > 0 || allVats, 'say what to replay: --vat VAT or --all-vats');
  check(vats.length === 0 || !allVats, '--vat and --all-vats exclude each other');
  check(new Set(vats).size === vats.length, 'a vat is given more than once');

  const { incarnation: incarnationText, start: startText, until: untilText, image } = values;
  const fromSnapshot = values['from-snapshot'] ?? false;
  const allIncarnations = incarnationText === 'all';
  const incarnation =
    incarnationText === undefined || allIncarnations ? undefined : wholeNumber('incarnation', incarnationText);
  const start = startText === undefined ? undefined : wholeNumber('start', startText);
  const until = untilText === undefined ? undefined : wholeNumber('until', untilText);
  for (const [option, value] of Object.entries({ start, until })) {
    check(
      value === undefined || (vats.length === 1 && !allIncarnations),
      `--${option} needs exactly one --vat and one incarnation`,
    );
  }
  check(!fromSnapshot || start === undefined, '--from-snapshot and --start exclude each other');
  check(start === undefined || until === undefined || start <= until, `--start ${start} is after --until ${until}`);
  check(image === undefined || until !== undefined, '--image needs --until');

  const atSnapshot = oneOf('at-snapshot', Object.keys(SNAPSHOT_MODES), values['at-snapshot'] ?? 'restart');
  check(image === undefined || atSnapshot !== 'both', '--image names one file, but "--at-snapshot both" writes two');
  return {
    directory: positionals[0],
    vats,
    allVats,
    incarnation,
    allIncarnations,
    fromSnapshot,
    start,
    until,
    image,
    historyFrom: values['history-from'],
    snapshotModes: SNAPSHOT_MODES[atSnapshot],
    compare: { images: !values['ignore-images'], computrons: values['compare-computrons'] ?? false },
    workerProgram: values['worker-program'],
    json: values.json ?? false,
    console: values.console ?? false,
    progress: oneOf('progress', ['auto', 'lines', 'none'], values.progress ?? 'auto'),
  };
};
