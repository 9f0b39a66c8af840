/** Makes the mutants of source files, and gives each a name that stays the same when files move. */
import { createHash } from 'node:crypto';
import path from 'node:path';

import { leaveOutMessages } from './messages.mjs';

/** The number of characters of an expression in a mutant's name. */
const SHOWN = 90;

const hash = text => createHash('sha256').update(text).digest('hex');

/** Removes the texts of messages from code, because they may change without a change of behaviour. */
const withoutWords = code =>
  code.replace(/(['"`])((?:(?!\1)[^\\]|\\.)*)\1/g, (whole, quote, text) =>
    text.includes(' ') ? `${quote}…${quote}` : whole,
  );

/** Puts a text on one line, and replaces the end of a long one by a hash of it all. */
const short = text => {
  const line = withoutWords(text).replace(/\s+/g, ' ').trim();
  return line.length <= SHOWN ? line : `${line.slice(0, SHOWN)}… ${hash(line).slice(0, 6)}`;
};

const nameOf = key => key.name ?? key.id?.name ?? String(key.value ?? 'computed');

/** The name that a node gives to the code in it. */
const givenName = ({ node, parent, scope }) => {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      return node.id.name;
    case 'ObjectMethod':
    case 'ClassMethod':
    case 'ClassPrivateMethod':
    case 'ClassPrivateProperty':
      return nameOf(node.key);
    case 'ObjectProperty':
      return /Function|Call/.test(node.value.type) ? (node.value.id?.name ?? nameOf(node.key)) : undefined;
    case 'VariableDeclarator': {
      const named = node.id.type === 'Identifier' && node.init;
      const isOuter = parent.type === 'VariableDeclaration' && scope.block.type === 'Program';
      return named && (isOuter || /Function/.test(node.init.type)) ? node.id.name : undefined;
    }
    default:
      return undefined;
  }
};

/** Finds the named functions of a file, and its text without comments. */
const outline = (babel, name, content) => {
  const ast = babel.parseSync(content, { filename: name, configFile: false, babelrc: false, sourceType: 'script' });
  const named = [];
  babel.traverse(ast, {
    enter(at) {
      const given = givenName(at);
      if (given !== undefined) named.push({ name: given, start: at.node.start, end: at.node.end });
    },
  });
  const code = (from, to) => {
    let text = '';
    let next = from;
    for (const { start, end } of ast.comments) {
      if (end <= next || start >= to) continue;
      text += content.slice(next, start);
      next = end;
    }
    return text + content.slice(next, to);
  };
  return { named, code };
};

const lineStarts = content => {
  const starts = [0];
  for (let at = content.indexOf('\n'); at >= 0; at = content.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
};

/**
 * @typedef {object} Mutant
 * @property {string} id  its number in the instrumented files
 * @property {string} name  names it in results and in the list of accepted ones
 * @property {string} file  the file's name without its directory
 * @property {string} place  `file:line`
 * @property {string} within  the function that contains it
 * @property {string} version  a hash of that function's code
 * @property {boolean} isWeak  whether a test that kills the other mutants of its expression probably kills it, too
 */

/**
 * Instruments files: each then contains all of its mutants, and an environment variable selects the active one.
 *
 * @param {{ Instrumenter: any, babel: any }} tool
 * @param {{ name: string, content: string }[]} files
 * @returns {Promise<{ files: { name: string, content: string }[], mutants: Mutant[], left: number }>}
 */
export const makeMutants = async ({ Instrumenter, babel }, files) => {
  const quiet = () => {};
  const logger = { debug: quiet, info: quiet, warn: console.warn, isDebugEnabled: () => false };
  const { enter, ignorer } = leaveOutMessages();
  // The instrumenter requests one file after the other.
  const inTurn = function* () {
    for (const file of files) {
      enter(file.name);
      yield { ...file, mutate: true };
    }
  };
  const options = { plugins: null, excludedMutations: [], ignorers: [ignorer], noHeader: false };
  const made = await new Instrumenter(logger).instrument(inTurn(), options);
  const sources = new Map(
    files.map(({ name, content }) => [
      name,
      { ...outline(babel, name, content), starts: lineStarts(content), content },
    ]),
  );
  const seen = new Map();
  const ours = made.mutants.filter(({ status }) => status !== 'Ignored');
  const mutants = ours.map(({ id, fileName, location, mutatorName, replacement }) => {
    const { named, code, starts, content } = sources.get(fileName);
    const [from, to] = [location.start, location.end].map(({ line, column }) => starts[line] + column);
    const around = named.filter(({ start, end }) => start <= from && to <= end);
    const inner = around.at(-1) ?? { start: 0, end: content.length };
    const file = path.basename(fileName);
    const within = `${file} ${around.map(({ name }) => name).join('.') || '(module)'}`;
    const change = `${short(code(from, to))} → ${short(replacement)}`;
    const unnumbered = `${within}: ${change}`;
    const count = (seen.get(unnumbered) ?? 0) + 1;
    seen.set(unnumbered, count);
    return {
      id,
      name: count === 1 ? unnumbered : `${unnumbered} (${count})`,
      file,
      place: `${fileName}:${location.start.line + 1}`,
      within,
      // The code of a module consists of short pieces, so each piece has its own hash.
      version: hash(
        withoutWords(around.length ? code(inner.start, inner.end) : code(from, to)).replace(/\s+/g, ' '),
      ).slice(0, 12),
      isWeak: mutatorName === 'EqualityOperator' && /[!=]==/.test(replacement),
    };
  });
  return { files: made.files, mutants, left: made.mutants.length - ours.length };
};
