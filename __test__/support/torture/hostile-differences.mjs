// Known differences from the reference for hostile input: see docs/project/differences.md. Each is accepted only if the
// input explains it, and the rest of the result is still compared.
import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { Difference } from '../common/compare.mjs';
import { compareImports } from '../common/compare-imports.mjs';

/** The error of the last import by an implementation; undefined if it succeeded. */
const watch = (impl, refusal) => ({
  ...impl,
  api: {
    ...impl.api,
    importSwingStore: (...args) => {
      refusal[impl.name] = undefined;
      const imported = impl.api.importSwingStore(...args);
      imported.catch(error => {
        refusal[impl.name] = String(error?.message);
      });
      return imported;
    },
  },
});

/** Refusals of JSON within a bundle, up to the part that differs between parsers. */
const upToSyntax = message => /^.*?Cannot parse JSON from .*?, SyntaxError: /s.exec(message ?? '')?.[0];

const itself = /Module \\*".*" is an alias of itself/s;

/** A time limit, in milliseconds, for the reference, which waits forever for an alias of itself; longer if ours found none. */
const PATIENCE = { circle: 1_000, other: 60_000 };

/** The reference with a time limit. */
const impatient = (impl, isCircle) => ({
  ...impl,
  api: {
    ...impl.api,
    importSwingStore: (...args) => {
      const timer = new AbortController();
      const late = delay(isCircle() ? PATIENCE.circle : PATIENCE.other, undefined, { signal: timer.signal }).then(
        () => Promise.reject(Error('no end')),
        () => new Promise(() => {}),
      );
      return Promise.race([impl.api.importSwingStore(...args), late]).finally(() => timer.abort());
    },
  },
});

/** Whether a record has a field of a type that no exporter writes. */
const hasWrongType = ({ data }, kind, field) =>
  data.some(([key, text]) => {
    if (!String(key).startsWith(`${kind}.`)) return false;
    try {
      const value = JSON.parse(text)[field];
      return ['vatID', 'hash'].includes(field) ? typeof value !== 'string' : !Number.isSafeInteger(value);
    } catch {
      return false;
    }
  });

/** A transcript artifact as the reference reads it: without white space at the ends of lines. */
const trimLines = bytes => {
  const lines = bytes.toString('latin1').split('\n');
  const trimmed = lines.map(line => {
    const text = Buffer.from(line, 'latin1').toString();
    const behind = Buffer.byteLength(text.slice(text.trimEnd().length));
    return line.slice(0, line.length - behind);
  });
  // Text after the last newline is an item, unless it is empty.
  if (lines.at(-1) !== '' && trimmed.at(-1) === '') trimmed.push('');
  return Buffer.from(trimmed.join('\n'), 'latin1');
};

const withoutOuterSpace = plain => ({
  ...plain,
  artifacts: plain.artifacts.map(([name, bytes]) => [name, name.startsWith('transcript.') ? trimLines(bytes) : bytes]),
});

/**
 * Compares imports of the same input by both implementations.
 *
 * @param {[any, any]} pair ours and the reference
 * @param {string | null} dir
 * @param {{ data: any[][], artifacts: any[][] }} spoiled
 * @param {(plain: object) => { exporter: any, calls: any }} makeExporter
 * @param {object} options the options of the imports
 * @param {string} what
 * @returns {Promise<{ isImported?: boolean, known?: string }>} whether both accepted it; or the known reason why they differ
 */
export const compareHostile = async ([ours, theirs], dir, spoiled, makeExporter, options, what) => {
  const refusal = {};
  const isCircle = () => itself.test(refusal[ours.name] ?? '');
  const pair = [watch(ours, refusal), watch(impatient(theirs, isCircle), refusal)];
  try {
    return { isImported: await compareImports(pair, dir, () => makeExporter(spoiled), options, what) };
  } catch (error) {
    if (!(error instanceof Difference)) throw error;
    const [our, their] = [ours, theirs].map(({ name }) => refusal[name]);
    if (isCircle() && their === 'no end') return { known: 'circle' };
    // Ours shows a lone surrogate as U+FFFD.
    if (our !== undefined && our === their?.toWellFormed()) return { known: 'surrogate' };
    if (our?.includes(' in JSON at byte ') && upToSyntax(our) === upToSyntax(their)) return { known: 'syntax' };
    // Ours does not run attenuators, so it can't know their effects.
    if (our === undefined && /^Globals attenuation errors: /.test(their)) return { known: 'attenuator' };
    const [, kind, field] = /(\w+) metadata has (\w+) of the wrong type/.exec(our) ?? [];
    if (kind && hasWrongType(spoiled, kind, field)) return { known: 'wrongType' };
    const trimmed = withoutOuterSpace(spoiled);
    if (trimmed.artifacts.every(([, bytes], i) => bytes.equals(spoiled.artifacts[i][1]))) throw error;
    // Ours accepts the rest as the reference accepts the whole.
    const makeEither = i => makeExporter(i === 0 ? trimmed : spoiled);
    await compareImports([ours, theirs], null, makeEither, options, `${what}, trimmed (${error.message})`);
    return { known: 'whiteSpace' };
  }
};
