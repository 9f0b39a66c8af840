/** Reads the recorded calls of a real kernel, which `../data/README.md` describes. */
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

const traceFile = new URL('../data/kernel-trace.jsonl.br', import.meta.url);

/** @returns {[string, ...any[]][]} functions with their arguments */
export const readTrace = () =>
  brotliDecompressSync(readFileSync(traceFile))
    .toString()
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));

/** The transcript items in the recording, parsed. */
export const recordedItems = () =>
  readTrace()
    .filter(([fn]) => fn === 't.addItem')
    .map(([, , item]) => JSON.parse(item));
