// The documentation's pages, and the code blocks in them. A comment right before a block, which no reader of the
// rendered page sees, may say how it is tested:
//
//     <!-- test: store=/var/lib/agoric/data/agoric vary=seconds exit=1 before="…" -->
//
//     store=DIR,…   the example store is there, as new, before the block runs
//     sql="…"       is done to the last of these stores
//     before="…"    code to run first, in the block's own language
//     continues     a program that goes on where the page's last one ended
//     exit=N        what the last command's exit code has to be, instead of 0
//     vary=WHAT,…   which numbers in the output differ from run to run; see `output.mjs`
//     skip="…"      why it can't be run; what can be checked without running it still is
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The names of all pages, from the root of the project. */
export const pageNames = () =>
  ['.', 'docs/guide', 'docs/reference', 'docs/project'].flatMap(dir =>
    fs
      .readdirSync(path.join(root, dir))
      .filter(name => name.endsWith('.md'))
      .map(name => path.join(dir, name)),
  );

/** A file of the project, whichever way its lines end in this checkout. */
export const readText = name => fs.readFileSync(path.join(root, name), 'utf8').replaceAll('\r\n', '\n');

const known = new Set(['store', 'sql', 'before', 'continues', 'exit', 'vary', 'skip']);

/** What a comment says about its block: `{ store: ['…'], skip: '…', … }`. */
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
 * @property {string} where  page and line, for messages
 * @property {number} line  of its first line of code, from 0
 * @property {string} language  what is written after the backquotes
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
