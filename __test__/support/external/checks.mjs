// Counts passed and failed checks, and finds differences.

const show = value => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};

const isContainer = value => typeof value === 'object' && value !== null;

/** The first difference of two plain data structures; undefined if there is none. */
const firstDifference = (a, b, path = '') => {
  if (Object.is(a, b)) return undefined;
  if (!isContainer(a) || !isContainer(b)) {
    return `${path || 'the whole'}: ${show(a)} and ${show(b)}`;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const difference = firstDifference(a[key], b[key], `${path}/${key}`);
    if (difference) return difference;
  }
  return undefined;
};

export const makeChecks = (print = console.log) => {
  let passed = 0;
  let failed = 0;

  const pass = title => {
    passed += 1;
    print(`  ok      ${title}`);
  };

  const fail = (title, detail) => {
    failed += 1;
    print(`  NOT OK  ${title}\n          ${detail}`);
  };

  const holds = (title, condition, detail) => (condition ? pass(title) : fail(title, detail));

  const equal = (title, a, b) => {
    const difference = firstDifference(a, b);
    holds(title, difference === undefined, `they differ at ${difference}`);
  };

  return {
    equal,
    fail,
    holds,
    hasFailed: () => failed > 0,
    summary: () => `${passed} passed, ${failed} failed`,
  };
};
