/** The result of each mutant, and the accepted survivors. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { functionsOf } from './list.mjs';

const acceptedFile = fileURLToPath(new URL('accepted.json', import.meta.url));

const OUTCOMES = { c: 'caught', a: 'survived', u: 'unviable', S: 'survived', p: 'pending' };
const DECIDED = ['caught', 'unviable'];

/** The letter of a mutant in the record. */
export const letterOf = (mutant, results, accepted) => {
  const outcome = results.get(mutant.key)?.outcome;
  if (['survived', 'pending'].includes(outcome) && accepted.reasonFor(mutant)) return 'a';
  return { caught: 'c', unviable: 'u', survived: 'S', pending: 'p' }[outcome] ?? '.';
};

/** Reads all files of results in a directory, including those of shards. The last result of a mutant is valid. */
export const makeResults = (directory, name) => {
  mkdirSync(directory, { recursive: true });
  const results = new Map();
  for (const file of readdirSync(directory).filter(each => each.endsWith('.jsonl'))) {
    for (const line of readFileSync(path.join(directory, file), 'utf8').split('\n')) {
      if (!line) continue;
      const result = JSON.parse(line);
      const old = results.get(result.key);
      if (!old || old.at <= result.at) results.set(result.key, result);
    }
  }
  const own = path.join(directory, name);
  return {
    get: key => results.get(key),
    all: () => [...results.values()],
    add: result => {
      results.set(result.key, result);
      appendFileSync(own, `${JSON.stringify(result)}\n`);
    },
    /** Adds the repository's results of mutants that have no result here, or survived here. */
    addRecorded: (mutants, record) => {
      const rows = [...record.values()].flat();
      for (const { hash, file, mutants: all } of functionsOf(mutants)) {
        const found = rows.filter(row => row.hash === hash && row.letters.length === all.length);
        const { letters } = found.find(row => row.file === file) ?? found[0] ?? {};
        for (const [index, { key }] of letters ? all.entries() : []) {
          const outcome = OUTCOMES[letters[index]];
          if (outcome && (!results.has(key) || DECIDED.includes(outcome))) {
            results.set(key, { key, file, outcome, suites: [], left: [], isRecorded: true });
          }
        }
      }
    },
  };
};

/**
 * The accepted survivors: `{ function, mutation, where, reason }`. `mutation` and `where` are the name and the line that
 * the list of survivors shows. `function` is null for code outside functions.
 */
export const makeAccepted = () => {
  const entries = existsSync(acceptedFile) ? JSON.parse(readFileSync(acceptedFile, 'utf8')) : [];
  const fits = (entry, mutant) =>
    entry.function === mutant.functionName && entry.mutation === mutant.name && entry.where === mutant.where;
  return {
    reasonFor: mutant => entries.find(entry => fits(entry, mutant))?.reason,
    /** The outdated entries: their mutant no longer exists, or a test catches it. */
    stale: (mutants, outcomeOf) =>
      entries.filter(entry => {
        const found = mutants.filter(mutant => fits(entry, mutant));
        return found.length === 0 || found.every(mutant => ['caught', 'unviable'].includes(outcomeOf(mutant)));
      }),
  };
};
