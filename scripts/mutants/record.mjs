/**
 * The results in the repository, from which a campaign on another machine continues. `results/LANGUAGE/GROUP.txt` has a
 * line for each function: a hash, a letter for each of its mutants, its file and its name. The hash covers the code of the
 * function and the list of its mutants, but not their positions.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const directoryOf = language => path.join(root, 'scripts/mutants/results', language);
const page = path.join(root, 'docs/project/fault-tests.md');
const commands = { rust: 'npm run mutants', js: 'npm run mutants:js' };

export const LETTERS = {
  c: 'caught by a test, or by a timeout',
  a: 'accepted: it makes no difference',
  u: 'does not compile',
  S: 'survived all tests that ran',
  p: 'passed the quick tests; the others have not run yet',
  '.': 'not run',
};

/** The hash of a function, from the identities of its mutants. */
export const hashOf = identities => createHash('sha256').update(JSON.stringify(identities)).digest('hex').slice(0, 12);

const LINE = /^(?<hash>[0-9a-f]{12}) (?<letters>[cauSp.]+) {2}(?<file>\S+) {2}(?<name>.*)$/;

const rowsOf = (file, text) =>
  text
    .split('\n')
    .filter(line => line && !line.startsWith('#'))
    .map(line => {
      const { groups } = LINE.exec(line) ?? {};
      if (!groups) throw new Error(`${file}: invalid line: ${line}`);
      return { ...groups };
    });

/** The rows of each group of a language: `Map` from its name to `{ hash, letters, file, name }[]`. */
export const readRecord = language => {
  const directory = directoryOf(language);
  const files = existsSync(directory) ? readdirSync(directory).filter(name => name.endsWith('.txt')) : [];
  return new Map(
    files.map(name => [path.basename(name, '.txt'), rowsOf(name, readFileSync(path.join(directory, name), 'utf8'))]),
  );
};

/** Replaces the rows of a group. */
export const writeRecord = (language, group, rows) => {
  const head = [
    `${commands[language]} writes this file. Each line: a hash of the function, a letter for each mutant, file, function.`,
    ...Object.entries(LETTERS).map(([letter, meaning]) => `  ${letter}  ${meaning}`),
  ];
  const lines = [
    ...head.map(line => `# ${line}`),
    ...rows.map(({ hash, letters, file, name }) => `${hash} ${letters}  ${file}  ${name}`),
  ];
  mkdirSync(directoryOf(language), { recursive: true });
  writeFileSync(path.join(directoryOf(language), `${group}.txt`), `${lines.join('\n')}\n`);
};

const tableRow = (name, letters) => {
  const count = wanted => [...letters].filter(letter => wanted.includes(letter)).length;
  const [all, caught, accepted] = [count('caSp.'), count('c'), count('a')];
  const percent = (Math.floor((1000 * caught) / Math.max(all - accepted, 1)) / 10).toFixed(1);
  return `| ${[name, all, caught, accepted, count('S'), count('p.'), percent].join(' | ')} |`;
};

/** Makes the table of a language: first the groups in `groups`, in that order, then all others. */
export const tableOf = (language, groups = []) => {
  const record = readRecord(language);
  const names = [...new Set([...groups, ...record.keys()])].filter(name => record.has(name));
  const lettersOf = name =>
    record
      .get(name)
      .map(({ letters }) => letters)
      .join('');
  return [
    '| area | mutants | caught | accepted | survived | undecided | caught % |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...names.map(name => tableRow(name, lettersOf(name))),
    tableRow('**all**', names.map(lettersOf).join('')),
  ].join('\n');
};

const sectionOf = language => new RegExp(`(?<=<!-- mutants: ${language} -->\n\n)[^]*?(?=\n\n<!-- mutants: end -->)`);

/** Reads the table of a language from the documentation. */
export const tableOnPage = language => sectionOf(language).exec(readFileSync(page, 'utf8'))?.[0];

/** Writes the table of a language into the documentation. */
export const updateTable = (language, groups) => {
  const text = readFileSync(page, 'utf8');
  writeFileSync(
    page,
    text.replace(sectionOf(language), () => tableOf(language, groups)),
  );
};
