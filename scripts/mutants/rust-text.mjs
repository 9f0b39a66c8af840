/** Finds tokens, and the operands of operators, in Rust source. The source must be formatted by rustfmt. */

const TOKEN = new RegExp(
  [
    /(?<space>\s+)/,
    /(?<comment>\/\/[^\n]*)/,
    /(?<raw>b?r(?<hashes>#*)"[^]*?"\k<hashes>)/,
    /(?<string>[bc]?"(?:[^"\\]|\\[^])*")/,
    /(?<char>b?'(?:[^'\\]|\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.))')/,
    /(?<lifetime>'\w+)/,
    /(?<number>\d[\w]*(?:\.\d[\w]*)?)/,
    /(?<word>[\p{L}_][\p{L}\p{N}_]*)/,
    /(?<sign><<=|>>=|\.\.\.|\.\.=|->|=>|==|!=|<=|>=|&&|\|\||\+=|-=|\*=|\/=|%=|\^=|&=|\|=|<<|>>|::|\.\.|[^])/,
  ]
    .map(part => part.source)
    .join('|'),
  'uy',
);

/** The end of a comment that may contain other comments. */
const endOfBlockComment = (text, start) => {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith('/*', at)) depth += 1;
    else if (text.startsWith('*/', at)) depth -= 1;
    else continue;
    at += 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
};

/** The tokens of a source: `{ text, start, end }`, without white space and comments. */
export const tokensOf = text => {
  const tokens = [];
  let at = 0;
  while (at < text.length) {
    if (text.startsWith('/*', at)) {
      at = endOfBlockComment(text, at);
      continue;
    }
    TOKEN.lastIndex = at;
    const { 0: found, groups } = TOKEN.exec(text);
    if (groups.space === undefined && groups.comment === undefined) {
      tokens.push({ text: found, start: at, end: at + found.length });
    }
    at += found.length;
  }
  return tokens;
};

const PRECEDENCE = new Map(
  [
    ['=', '+=', '-=', '*=', '/=', '%=', '^=', '&=', '|=', '<<=', '>>='],
    ['..', '..='],
    ['||'],
    ['&&'],
    ['==', '!=', '<', '>', '<=', '>='],
    ['|'],
    ['^'],
    ['&'],
    ['<<', '>>'],
    ['+', '-'],
    ['*', '/', '%'],
  ].flatMap((signs, index) => signs.map(sign => [sign, index + 1])),
);

const LEFT_ENDS = new Set([',', ';', '=>', '->', ':', '|', '||', '{']);
const RIGHT_ENDS = new Set([',', ';', '=>', '{', ':', 'else']);
const OPENING = new Map([
  [')', '('],
  [']', '['],
  ['}', '{'],
]);
const CLOSING = new Map([...OPENING].map(([close, open]) => [open, close]));
const BEFORE_EXPRESSION = new Set(['return', 'break', 'if', 'while', 'match', 'in', 'else', 'move']);
/** If an operand starts with one of these, its end is unclear. */
const UNCLEAR = new Set(['let', 'match', 'if', 'unsafe', 'loop', 'for', 'while', 'move', '|', '||', '{']);

/** The precedence of a binary operator, which rustfmt surrounds with spaces; `undefined` for other tokens. */
const binaryAt = (text, { text: sign, start, end }) =>
  PRECEDENCE.has(sign) && (sign.startsWith('..') || (/\s/.test(text[start - 1]) && /\s/.test(text[end])))
    ? PRECEDENCE.get(sign)
    : undefined;

/** The range of the binary operator at an offset and its operands: `{ start, end }`; `undefined` if that is unclear. */
export const operationAt = (text, tokens, offset) => {
  const at = tokens.findIndex(token => token.start === offset);
  const own = at < 0 ? undefined : binaryAt(text, tokens[at]);
  if (own === undefined) return undefined;

  let left = at - 1;
  for (; left >= 0; left -= 1) {
    const token = tokens[left];
    // Before an assignment, a brace ends the previous statement. Before other operators it may end an operand.
    if (token.text === '}' && own === 1) break;
    if (token.text === 'let' || token.text === '}') return undefined;
    if (OPENING.has(token.text)) {
      for (let depth = 1; depth > 0;) {
        left -= 1;
        if (left < 0) return undefined;
        if (OPENING.has(tokens[left].text)) depth += 1;
        if (CLOSING.has(tokens[left].text)) depth -= 1;
      }
      continue;
    }
    const binary = binaryAt(text, token);
    if (binary !== undefined) {
      if (binary < own || (own === 1 && binary === 1)) break;
      continue;
    }
    if (CLOSING.has(token.text) || LEFT_ENDS.has(token.text) || BEFORE_EXPRESSION.has(token.text)) break;
  }
  if (left >= 1 && tokens[left].text === '=' && own > 1) {
    // In `if let Some(x) = y && z`, the condition is not an expression.
    for (let before = left; before >= 0 && ![';', '{', '}', '&&'].includes(tokens[before].text); before -= 1) {
      if (tokens[before].text !== 'let') continue;
      if (['if', 'while', '&&'].includes(tokens[before - 1]?.text) && PRECEDENCE.get('&&') >= own) return undefined;
    }
  }

  let right = at + 1;
  if (UNCLEAR.has(tokens[right]?.text)) return undefined;
  for (; right < tokens.length; right += 1) {
    const token = tokens[right];
    if (token.text === 'let') return undefined;
    if (token.text !== '{' && CLOSING.has(token.text)) {
      for (let depth = 1; depth > 0;) {
        right += 1;
        if (right >= tokens.length) return undefined;
        if (CLOSING.has(tokens[right].text)) depth += 1;
        if (OPENING.has(tokens[right].text)) depth -= 1;
      }
      continue;
    }
    const binary = binaryAt(text, token);
    if (binary !== undefined) {
      if (binary <= own) break;
      continue;
    }
    if (OPENING.has(token.text) || RIGHT_ENDS.has(token.text)) break;
  }
  if (left === at - 1 || right === at + 1 || left < 0) return undefined;
  return { start: tokens[left + 1].start, end: tokens[right - 1].end };
};
