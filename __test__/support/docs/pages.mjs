// Reads the documentation's pages and their code blocks. An HTML comment directly before a block may say how to test it:
//
//     <!-- test: store=/var/lib/agoric/data/agoric vary=seconds exit=1 before="…" -->
//
//     store=DIR,…   copies the example store to these directories before the block runs
//     sql="…"       SQL to execute on the last of these stores
//     before="…"    code to run first, in the block's language
//     continues     continues the page's previous program
//     exit=N        the expected exit code of the last command, instead of 0
//     vary=WHAT,…   the numbers in the output that differ between runs; see `output.mjs`
//     skip="…"      why the block can't be run; the names in it are still checked
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The paths of all pages, relative to the project's root. */
export const pageNames = () =>
  ['.', 'docs/guide', 'docs/reference', 'docs/project'].flatMap(dir =>
    fs
      .readdirSync(path.join(root, dir))
      .filter(name => name.endsWith('.md'))
      .map(name => path.join(dir, name)),
  );

/** Reads a file of the project, with line ends of this checkout converted to `\n`. */
export const readText = name => fs.readFileSync(path.join(root, name), 'utf8').replaceAll('\r\n', '\n');

const known = new Set(['store', 'sql', 'before', 'continues', 'exit', 'vary', 'skip']);

/** Parses a comment about a block: `{ store: ['…'], skip: '…', … }`. */
const readMarker = (text, where) => {
  const marker = { store: [], vary: [], exit: 0 };
  const rest = text.replace(/([a-z]+)(?:=(?:"([^"]*)"|(\S+)))?/g, (_, name, quoted, plain) => {
    if (!known.has(name)) throw Error(`${where}: a block's comment can't say "${name}"`);
    const value = quoted ?? plain;
    if (name === 'store' || name === 'vary') marker[name] = value.split(',');
    else if (name === 'exit') marker.exit = Number(value);
    else marker[name] = value ?? true;
    return '';
  });
  if (rest.trim() !== '') throw Error(`${where}: "${rest.trim()}" in a block's comment means nothing`);
  if (marker.skip === true || marker.skip === '') throw Error(`${where}: "skip" needs a reason`);
  return marker;
};

/**
 * @typedef {object} Marker
 * @property {string[]} store
 * @property {string} [sql]
 * @property {string} [before]
 * @property {true} [continues]
 * @property {number} exit
 * @property {string[]} vary
 * @property {string} [skip]
 *
 * @typedef {object} Block
 * @property {string} where page and line, for messages
 * @property {number} line the line number of the first line of code, from 0
 * @property {string} language the word after the backquotes
 * @property {string} text
 * @property {Marker} marker
 */

/** @returns {Block[]} the code blocks of a page with this name and text */
export const readBlocksOf = (name, page) => {
  const lines = page.split('\n');
  const blocks = [];
  for (let at = 0; at < lines.length; at += 1) {
    const opening = /^( *)(`{3,}|~{3,})(.*)$/.exec(lines[at]);
    if (!opening) continue;
    const [, indent, fence, language] = opening;
    const where = `${name}:${at + 1}`;
    if (indent) throw Error(`${where}: code blocks begin at the left margin here`);
    const before = lines.slice(0, at).join('\n').trimEnd();
    const comment = /<!--\s*test:((?:(?!-->)[^])*)-->$/.exec(before);
    const line = at + 1;
    const end = lines.indexOf(fence, line);
    if (end < 0) throw Error(`${where}: a code block does not end`);
    const text = lines.slice(line, end).join('\n');
    blocks.push({ where, line, language: language.trim(), text, marker: readMarker(comment?.[1] ?? '', where) });
    at = end;
  }
  return blocks;
};

/** @returns {Block[]} the code blocks of a page */
export const readBlocks = name => readBlocksOf(name, readText(name));
