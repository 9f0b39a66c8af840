// Compares the output that a page shows with the actual output. `…` matches anything within a line, or any lines if it is
// alone on a line; the numbers that a block's comment declares as varying match any numbers.
const varying = {
  seconds: /\b\d+\.\d s\b/,
  milliseconds: /\b\d+\.\d ms\b/,
  'json-seconds': /"seconds": [\d.e-]+/,
  transactions: /\b\d+ transactions?\b/,
};

const literal = text => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replace(/…/g, '[^\\n]*?');

/** Converts a line of a page to a regular expression. */
const lineSource = (line, vary) => {
  let source = '';
  let rest = line;
  while (rest !== '') {
    const found = vary
      .map(name => [varying[name], varying[name].exec(rest)])
      .filter(([, match]) => match)
      .sort(([, a], [, b]) => a.index - b.index)[0];
    if (!found) break;
    const [{ source: pattern }, match] = found;
    source += literal(rest.slice(0, match.index)) + pattern;
    rest = rest.slice(match.index + match[0].length);
  }
  return source + literal(rest);
};

const matchesLine = (line, actual, vary) => RegExp(`^${lineSource(line, vary)}$`).test(actual);

/** Whether the actual output matches the page. */
export const isShown = (shown, actual, vary) => {
  for (const name of vary) if (!Object.hasOwn(varying, name)) throw Error(`nothing is known of how "${name}" vary`);
  const sources = shown.map(line => (line === '…' ? '(?:[^\\n]*\\n)*?' : `${lineSource(line, vary)}\\n`));
  return RegExp(`^${sources.join('')}$`).test(actual.map(line => `${line}\n`).join(''));
};

/** The output that the page should show: keeps matching lines and omissions. */
export const corrected = (shown, actual, vary) => {
  const gap = shown.indexOf('…');
  const behind = shown.length - gap - 1;
  if (gap >= 0 && actual.length > gap + behind) {
    const ends = [actual.slice(0, gap), actual.slice(actual.length - behind)];
    const shownEnds = [shown.slice(0, gap), shown.slice(gap + 1)];
    return [...corrected(shownEnds[0], ends[0], vary), '…', ...corrected(shownEnds[1], ends[1], vary)];
  }
  return actual.map((line, at) => (at < shown.length && matchesLine(shown[at], line, vary) ? shown[at] : line));
};
