/** Puts results into a Markdown file, which may contain other text. */
import { readFile, writeFile } from 'node:fs/promises';
import { inMarkdown } from './table.mjs';

const read = async file => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
};

/**
 * Replaces the text between the marks for `kind` in a file. Appends it with its marks if there are none.
 *
 * @param {string} file
 * @param {string} kind the kind of measurement
 * @param {{ machine: string[], table: import('./table.mjs').Rows, notes: string[] }} report
 */
export const writeMarkdown = async (file, kind, { machine, table, notes }) => {
  const [begin, end] = [`<!-- ${kind}: written by the benchmark -->`, `<!-- end of ${kind} -->`];
  const list = notes.map(note => `- ${note}`).join('\n');
  const content = [machine.join('  \n'), inMarkdown(table), list].filter(part => part !== '').join('\n\n');
  const block = `${begin}\n\n${content}\n\n${end}`;
  const text = await read(file);
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  const written =
    from >= 0 && to > from
      ? text.slice(0, from) + block + text.slice(to + end.length)
      : `${text.trimEnd()}${text.trim() === '' ? '' : '\n\n'}${block}\n`;
  await writeFile(file, written);
};
