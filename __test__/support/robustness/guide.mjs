// Reads the commands of the operators' guide, so that tests follow the page itself.
import { readBlocks, readText } from '../docs/pages.mjs';

const page = 'docs/guide/operators.md';

/**
 * The commands of `swing-store` in the shell blocks of a section.
 *
 * @param {string} title the section's heading
 * @returns {string[][]} the subcommand and arguments of each
 */
export const commandsOfGuide = title => {
  const lines = readText(page).split('\n');
  const begin = lines.indexOf(`## ${title}`);
  if (begin < 0) throw Error(`${page} has no section "${title}"`);
  const length = lines.slice(begin + 1).findIndex(line => line.startsWith('## '));
  const end = length < 0 ? lines.length : begin + 1 + length;
  const blocks = readBlocks(page).filter(({ line, language }) => language === 'sh' && line > begin && line < end);
  const commands = blocks.flatMap(({ text }) => text.split('\n')).filter(line => line !== '');
  return commands.map(command => {
    const [npx, program, ...words] = command.split(/\s+/);
    if (npx !== 'npx' || program !== 'swing-store') throw Error(`the section "${title}" runs ${command}`);
    return words;
  });
};
