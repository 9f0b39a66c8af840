// Parses the text format of Prometheus strictly, as far as this package writes it.

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/y;
const ESCAPED = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

const readLabels = (text, line) => {
  const labels = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < text.length; at = LABEL.lastIndex + 1) {
    LABEL.lastIndex = at;
    const found = LABEL.exec(text);
    if (!found) throw Error(`labels that cannot be read: ${line}`);
    labels[found[1]] = found[2].replace(/\\["\\n]/g, escaped => ESCAPED[escaped]);
    if (LABEL.lastIndex < text.length && text[LABEL.lastIndex] !== ',') throw Error(`no comma between labels: ${line}`);
  }
  return labels;
};

/**
 * @typedef {{ name: string, labels: Record<string, string>, value: number }} Sample
 *
 * @param {string} text
 * @returns {Map<string, { type: string, help: string, samples: Sample[] }>} by the names of metrics
 * @throws if the text is malformed, a metric has no type, or a sample occurs twice
 */
export const parsePrometheus = text => {
  if (!text.endsWith('\n')) throw Error('the last line has no end');
  const metrics = new Map();
  const seen = new Set();
  let current;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name, rest] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      if (metrics.has(name)) throw Error(`${name} occurs twice`);
      current = { name, help: rest, type: undefined, samples: [] };
      metrics.set(name, current);
    } else if (kind === 'TYPE') {
      if (current?.name !== name || current.type) throw Error(`a type out of place: ${line}`);
      current.type = rest;
    } else {
      const [, sample, braces, value] = /^([a-z_]+)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(line) ?? [];
      if (sample === undefined) throw Error(`a malformed line: ${line}`);
      const suffixes = current?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      if (!suffixes.some(suffix => sample === `${current?.name}${suffix}`))
        throw Error(`a sample out of place: ${line}`);
      const labels = readLabels(braces ?? '', line);
      const id = JSON.stringify([sample, labels]);
      if (seen.has(id)) throw Error(`a sample occurs twice: ${line}`);
      seen.add(id);
      current.samples.push({ name: sample, labels, value: Number(value) });
    }
  }
  for (const { name, type, samples } of metrics.values()) {
    if (!['counter', 'gauge', 'histogram'].includes(type)) throw Error(`${name} has type ${type}`);
    if (samples.length === 0 && !name.startsWith('swing_store_vat_')) throw Error(`${name} has no samples`);
  }
  return metrics;
};
