/** Finds the strings that only make up the text of a message. A mutant of one changes nothing that a program can depend on. */

/** The functions that take texts or names for messages, and which of their arguments those are. */
const WORDED = {
  Error: [0],
  TypeError: [0],
  RangeError: [0],
  Class: [0],
  check: [1],
  refuse: [0],
  checkString: [0],
  checkPath: [0],
  checkPositive: [0],
  takeOptions: [0],
  takeNothingElse: [0],
  answerOfVat: [0],
  unavailable: [0],
};

/** Files whose arrays of strings are causes and remedies. */
const WORDED_FILES = ['load-failure.js'];

/** Variables that hold a part of a message. */
const WORDED_VARIABLES = ['REPLACEMENT', 'advice', 'list', 'where', 'fromSource'];

const isPart = ({ node, parent, listKey, key }) =>
  (parent.type === 'TemplateLiteral' && listKey === 'expressions') ||
  (parent.type === 'BinaryExpression' && parent.operator === '+') ||
  (parent.type === 'ConditionalExpression' && key !== 'test') ||
  (parent.type === 'LogicalExpression' && parent.right === node);

const isWord = path => {
  let at = path;
  while (isPart(at)) at = at.parentPath;
  const { parent, listKey, key, hub } = at;
  const file = hub?.file?.opts?.filename ?? '';
  if (parent.type === 'NewExpression' || parent.type === 'CallExpression') {
    const { name } = parent.callee;
    return listKey === 'arguments' && Object.hasOwn(WORDED, name ?? '') && WORDED[name].includes(key);
  }
  if (parent.type === 'ArrayExpression') return WORDED_FILES.some(name => file.endsWith(name));
  return parent.type === 'VariableDeclarator' && WORDED_VARIABLES.includes(parent.id.name);
};

/** Tells the instrumenter what to leave out. */
export const messages = {
  shouldIgnore(path) {
    const { type } = path.node;
    const isText = type === 'StringLiteral' || type === 'TemplateLiteral' || type === 'BinaryExpression';
    return isText && isWord(path) ? 'the text of a message' : undefined;
  },
};
