/** The results of the mutants of js/ in the repository: see `../record.mjs`. One group for each directory of js/. */
import path from 'node:path';

import { hashOf, readRecord, updateTable, writeRecord } from '../record.mjs';

const LANGUAGE = 'js';

/** The groups, in the order in which they may import each other. */
export const GROUPS = ['addon', 'common', 'store', 'transfer', 'tools'];

const groupOf = ({ place }) => path.posix.basename(path.posix.dirname(place));

/**
 * Sorts mutants by group and function.
 *
 * @param {import('./mutants.mjs').Mutant[]} mutants all mutants of each function
 * @returns {Map<string, { hash: string, file: string, name: string, mutants: import('./mutants.mjs').Mutant[] }[]>}
 */
export const functionsByGroup = mutants => {
  const groups = new Map();
  for (const mutant of mutants) {
    const group = groupOf(mutant);
    if (!groups.has(group)) groups.set(group, new Map());
    const functions = groups.get(group);
    if (!functions.has(mutant.within)) functions.set(mutant.within, []);
    functions.get(mutant.within).push(mutant);
  }
  const rowOf = ([within, members]) => ({
    hash: hashOf(members.map(({ name, version }) => [name, version])),
    file: members[0].file,
    name: within.slice(members[0].file.length + 1),
    mutants: members,
  });
  return new Map([...groups].map(([group, functions]) => [group, [...functions].map(rowOf)]));
};

/**
 * Reads the letters of the mutants whose functions have not changed since they were recorded.
 *
 * @param {import('./mutants.mjs').Mutant[]} mutants
 * @param {ReturnType<typeof readRecord>} [record]
 * @returns {Map<string, string>} from the mutant's name
 */
export const readLetters = (mutants, record = readRecord(LANGUAGE)) => {
  const recorded = new Map([...record.values()].flat().map(row => [row.hash, row.letters]));
  const letters = new Map();
  for (const row of [...functionsByGroup(mutants).values()].flat()) {
    const found = recorded.get(row.hash) ?? '';
    row.mutants.forEach(({ name }, at) => found[at] && letters.set(name, found[at]));
  }
  return letters;
};

/**
 * Replaces the rows of all groups, and the table in the documentation.
 *
 * @param {import('./mutants.mjs').Mutant[]} mutants all mutants
 * @param {(mutant: import('./mutants.mjs').Mutant) => string} letterOf
 */
export const writeLetters = (mutants, letterOf) => {
  for (const [group, rows] of functionsByGroup(mutants)) {
    writeRecord(
      LANGUAGE,
      group,
      rows.map(row => ({ ...row, letters: row.mutants.map(letterOf).join('') })),
    );
  }
  updateTable(LANGUAGE, GROUPS);
};
