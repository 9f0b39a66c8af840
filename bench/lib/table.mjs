/** Formats rows as a table for a terminal or in Markdown. */
import Table from 'cli-table3';

/**
 * @typedef {object} Rows
 * @property {string[]} head the first column contains words, all others contain numbers
 * @property {string[][]} rows
 */

/** @param {Rows} table */
export const forTerminal = ({ head, rows }) => {
  const colAligns = head.map((_, i) => (i === 0 ? 'left' : 'right'));
  const table = new Table({ head, colAligns, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  return table.toString();
};

const line = cells => `| ${cells.join(' | ')} |`;

/** @param {Rows} table */
export const inMarkdown = ({ head, rows }) => {
  const aligns = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, aligns, ...rows].map(line).join('\n');
};
