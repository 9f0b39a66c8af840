/** Lists the mutants with cargo-mutants, and gives each a key that does not depend on its file or on comments. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { hashOf } from './record.mjs';
import { tokensOf } from './rust-text.mjs';

/** The code that decides whether a store is correct, the most important first. */
export const areas = {
  buffer: ['src/store/database/write_buffer'],
  crank: ['src/store/substores/crank.rs', 'src/store/substores/crank_state.rs'],
  kv: ['src/store/substores/kv.rs'],
  transcripts: ['src/store/substores/transcripts.rs'],
  prune: ['src/store/maintenance/prune.rs'],
  completeness: ['src/store/transfer/completeness.rs'],
  import: [
    ...['record_import', 'span_import', 'span_lines'].map(name => `src/store/transfer/${name}.rs`),
    ...['saved_items', 'item_changes'].map(name => `src/store/database/${name}.rs`),
  ],
  directory: ['src/store/transfer/directory'],
  repopulate: ['src/store/maintenance/repopulate'],
  verify: ['src/store/verify'],
  snapshots: ['src/store/substores/snapshots.rs'],
  gzip: ['src/store/gzip'],
};

export class MutantsError extends Error {}

/** Returns a function that converts a position of cargo-mutants to an offset. Its lines and columns count from 1, in characters. */
const offsets = text => {
  const lines = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.push(at + 1);
  return ({ line, column }) => {
    const start = lines[line - 1];
    const end = lines[line] ?? text.length;
    return start + [...text.slice(start, end)].slice(0, column - 1).join('').length;
  };
};

const codeOf = (tokens, start, end) =>
  tokens
    .filter(token => token.start >= start && token.end <= end)
    .map(({ text }) => text)
    .join(' ');

/** A source file with its tokens. */
const makeSource = (root, file) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  return { text, tokens: tokensOf(text), offsetOf: offsets(text) };
};

/** Converts a mutant of cargo-mutants. */
const describe = (source, { file, function: fn, genre, name, replacement, span }) => {
  const [start, end] = [span.start, span.end].map(source.offsetOf);
  const body = fn && [fn.span.start, fn.span.end].map(source.offsetOf);
  const what = name.slice(name.indexOf(': ') + 2);
  const line = source.text.slice(source.text.lastIndexOf('\n', start) + 1).split('\n', 1)[0];
  return {
    file,
    line: span.start.line,
    start,
    end,
    functionStart: body?.[0],
    functionName: fn?.function_name ?? null,
    returns: fn?.return_type ?? '',
    genre,
    replacement,
    // For people; it does not depend on the file.
    name: fn ? what.replace(new RegExp(` in ${fn.function_name.replace(/[^\w]/g, '\\$&')}$`), '') : what,
    where: line.trim(),
    identity: [
      fn ? [fn.function_name, codeOf(source.tokens, ...body)] : line.trim(),
      fn ? codeOf(source.tokens, body[0], start).length : span.start.column,
      codeOf(source.tokens, start, end),
      genre,
      replacement,
    ],
  };
};

/** Whether a mutant only changes the number in a constant, such as a buffer's size, which does not affect results. */
const isSize = ({ functionName, genre }) => functionName === null && genre === 'BinaryOperator';

const ELSEWHERE = /^#\[cfg\((?:not\(unix\)|windows|target_os = "(?:windows|macos)")\)\]$/;

/** Whether a mutant is in a test, or in a function that is only compiled for other systems than Linux. */
const isElsewhere = (source, { functionName, functionStart }) => {
  if (functionStart === undefined) return false;
  if (functionName.startsWith('tests::')) return true;
  const isAttribute = line => /^(?:#\[|\/\/)/.test(line.trim());
  const before = source.text.slice(0, functionStart).split('\n').reverse().slice(1);
  const after = source.text.slice(functionStart).split('\n');
  const attributes = [before, after].flatMap(lines =>
    lines.slice(
      0,
      lines.findIndex(line => !isAttribute(line)),
    ),
  );
  return attributes.some(line => ELSEWHERE.test(line.trim()));
};

/** Returns the mutants of some files, or of all areas, each with its area. */
export const listMutants = (root, { areaNames = Object.keys(areas), files = [] } = {}) => {
  const { status, stdout, stderr, error } = spawnSync('cargo', ['mutants', '--list', '--json'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (error || /no such (?:sub)?command/.test(stderr)) {
    throw new MutantsError('cargo-mutants is missing. Install it: cargo install --locked cargo-mutants');
  }
  if (status !== 0) throw new MutantsError(`cargo mutants failed:\n${stderr}`);
  const found = JSON.parse(stdout);
  const sources = new Map();
  const seen = new Map();
  return areaNames.flatMap(area => {
    const places = areas[area];
    if (!places) throw new MutantsError(`unknown area ${area}; the areas are ${Object.keys(areas).join(', ')}`);
    for (const place of places) {
      if (!found.some(({ file }) => file === place || file.startsWith(`${place}/`))) {
        throw new MutantsError(
          `${place} of the area ${area} has no mutants. If it was moved, update scripts/mutants/list.mjs`,
        );
      }
    }
    return found
      .filter(({ file }) => places.some(place => file === place || file.startsWith(`${place}/`)))
      .filter(({ file }) => files.length === 0 || files.includes(file))
      .map(mutant => {
        if (!sources.has(mutant.file)) sources.set(mutant.file, makeSource(root, mutant.file));
        return { area, ...describe(sources.get(mutant.file), mutant) };
      })
      .filter(mutant => !isSize(mutant) && !isElsewhere(sources.get(mutant.file), mutant))
      .map(({ identity, ...mutant }) => {
        const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 16);
        const nth = seen.get(hash) ?? 0;
        seen.set(hash, nth + 1);
        return { key: nth ? `${hash}-${nth}` : hash, ...mutant };
      });
  });
};

/** Groups mutants by function: `{ hash, file, name, mutants }`. The hash identifies the function in the record. */
export const functionsOf = mutants => {
  const functions = new Map();
  for (const mutant of mutants) {
    const { file, line, functionStart, functionName } = mutant;
    const id = `${file} ${functionStart ?? `line ${line}`}`;
    if (!functions.has(id)) functions.set(id, { file, name: functionName ?? mutant.where, mutants: [] });
    functions.get(id).mutants.push(mutant);
  }
  // The hash leaves out the number that distinguishes equal functions of two files.
  return [...functions.values()].map(each => ({
    hash: hashOf(each.mutants.map(({ key }) => key.replace(/-.*/, ''))),
    ...each,
  }));
};
