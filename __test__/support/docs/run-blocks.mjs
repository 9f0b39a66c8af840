// Runs the code blocks of a page.
import { corrected, isShown } from './output.mjs';

/** The comment at the end of a block, which shows the program's output. */
const splitModule = text => {
  const lines = text.split('\n');
  let from = lines.length;
  while (from > 0 && lines[from - 1].startsWith('// ')) from -= 1;
  return { code: lines.slice(0, from).join('\n'), from, shown: lines.slice(from).map(line => line.slice(3)) };
};

const toLines = output => {
  const lines = output.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
};

const failure = (where, what, output) => Error(`${where}: ${what}. What it printed:\n${output}`);

/**
 * A correction: the lines that should replace some lines of a page.
 *
 * @typedef {{ line: number, count: number, lines: string[], where: string }} Correction
 */

/** Compares the shown output with the printed output. @returns {Correction[]} */
const compare = ({ where, marker: { vary } }, line, shown, actual, prefix = '') => {
  if (isShown(shown, actual, vary)) return [];
  const lines = corrected(shown, actual, vary).map(text => `${prefix}${text}`.trimEnd());
  return [{ line, count: shown.length, lines, where }];
};

const between = '\u0001 the next block \u0001';

/** Runs blocks of JavaScript as one module, and compares the output of each with the comment at its end. */
export const runModule = async (blocks, sandbox) => {
  const [first] = blocks;
  sandbox.putStores(first.marker.store, first.marker.sql);
  const parts = blocks.map(block => ({ block, ...splitModule(block.text) }));
  const codes = parts.map(({ block, code }) => [block.marker.before ?? '', code].join('\n'));
  const name = `${first.where.replace(/\W/g, '-')}.mjs`;
  const { code, output } = await sandbox.module(name, codes.join(`\nconsole.log(${JSON.stringify(between)});\n`));
  if (code !== 0) throw failure(first.where, `the program ends with ${code}`, output);
  const outputs = output.split(`${between}\n`);
  return parts.flatMap(({ block, from, shown }, index) =>
    shown.length === 0 ? [] : compare(block, block.line + from, shown, toLines(outputs[index]), '// '),
  );
};

/** The commands of a shell session, each with its output. */
export const readSession = ({ text, where, line }) => {
  const commands = [];
  for (const [at, one] of text.split('\n').entries()) {
    if (one.startsWith('$ ')) commands.push({ command: one.slice(2), line: line + at + 1, shown: [] });
    else if (commands.length === 0) throw Error(`${where}: a session begins with a command, after "$ "`);
    else commands.at(-1).shown.push(one);
  }
  return commands;
};

const prepareShell = async ({ where, marker }, sandbox) => {
  sandbox.putStores(marker.store, marker.sql);
  if (!marker.before) return;
  const { code, output } = await sandbox.shell(`set -e; ${marker.before}`);
  if (code !== 0) throw failure(where, `what has to run before ends with ${code}`, output);
};

/** Runs a shell session and compares its output. */
export const runSession = async (block, sandbox) => {
  await prepareShell(block, sandbox);
  const corrections = [];
  const commands = readSession(block);
  for (const [index, { command, line, shown }] of commands.entries()) {
    const { code, output } = await sandbox.shell(command);
    const expected = index === commands.length - 1 ? block.marker.exit : 0;
    if (code !== expected) throw failure(block.where, `"${command}" ends with ${code} instead of ${expected}`, output);
    corrections.push(...compare(block, line, shown, toLines(output)));
  }
  return corrections;
};

/** Runs a script whose output the page does not show. */
export const runScript = async (block, sandbox) => {
  await prepareShell(block, sandbox);
  const { code, output } = await sandbox.shell(`set -e\n${block.text}`);
  if (code !== block.marker.exit) throw failure(block.where, `the script ends with ${code}`, output);
  return [];
};
