/** Finds strings that are only parts of messages. Their mutants change nothing that a program can depend on. */

/** The functions that take texts or names for messages, and the indices of those arguments. */
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

/** Files in which every string that contains a space is part of a message. */
const WORDED_FILES = ['load-failure.js'];

/** Variables that contain part of a message. */
const WORDED_VARIABLES = ['REPLACEMENT', 'advice', 'list', 'where', 'fromSource'];

const isPart = ({ node, parent, listKey, key }) =>
  (parent.type === 'TemplateLiteral' && listKey === 'expressions') ||
  (parent.type === 'BinaryExpression' && parent.operator === '+') ||
  (parent.type === 'ConditionalExpression' && key !== 'test') ||
  (parent.type === 'LogicalExpression' && parent.right === node);

const textOf = ({ type, value, quasis }) =>
  type === 'StringLiteral' ? value : (quasis ?? []).map(({ value: { raw } }) => raw).join('');

const isWord = (path, file) => {
  if (WORDED_FILES.some(name => file.endsWith(name)) && textOf(path.node).includes(' ')) return true;
  let at = path;
  while (isPart(at)) at = at.parentPath;
  const { parent, listKey, key } = at;
  if (parent.type === 'NewExpression' || parent.type === 'CallExpression') {
    const { name } = parent.callee;
    return listKey === 'arguments' && Object.hasOwn(WORDED, name ?? '') && WORDED[name].includes(key);
  }
  return parent.type === 'VariableDeclarator' && WORDED_VARIABLES.includes(parent.id.name);
};

/** Makes an `ignorer` of these strings for the instrumenter; `enter` sets the current file. */
export const leaveOutMessages = () => {
  let file = '';
  return {
    enter: name => (file = name),
    ignorer: {
      shouldIgnore(path) {
        const isText = ['StringLiteral', 'TemplateLiteral', 'BinaryExpression'].includes(path.node.type);
        return isText && isWord(path, file) ? 'the text of a message' : undefined;
      },
    },
  };
};
