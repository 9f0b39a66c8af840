// Generates blocks for several connections to one store: one connection writes and commits each, while the others read.
import fc from 'fast-check';
import { crankOf, key, kvStep } from './kv.mjs';
import { onVat, transcriptStep } from './transcripts.mjs';

/** The number of connections. */
export const CONNECTIONS = 3;

const connection = fc.integer({ min: 0, max: CONNECTIONS - 1 });
const facet = fc.constantFrom('kernel', 'kernel', 'host', 'internal');

const read = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('get', 'has', 'getNextKey'), facet, key) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('walk'), facet, key, fc.constant(40), fc.constant(false)) },
  { weight: 1, arbitrary: onVat('getCurrentSpanBounds') },
  { weight: 1, arbitrary: onVat('readSpan') },
  { weight: 1, arbitrary: fc.constant(['getActivityhash']) },
);

const reads = fc.array(fc.tuple(connection, read), { maxLength: 4 });

/** Reads before the commit: the writer sees its work, the others see the previous state. */
const work = fc.oneof({ weight: 3, arbitrary: kvStep }, { weight: 1, arbitrary: transcriptStep });

/** A block: the writer's steps, mixed with reads of any connection, and the commit. */
const block = fc
  .tuple(connection, fc.array(crankOf(work), { minLength: 1, maxLength: 2 }), fc.array(reads, { maxLength: 6 }), reads)
  .map(([writer, cranks, among, after]) => {
    const steps = [];
    for (const [i, step] of cranks.flat().entries()) {
      steps.push([writer, step], ...(among[i] ?? []));
    }
    return [...steps, [writer, ['commit']], ...after];
  });

/**
 * A list of `[connection, step]`. After some blocks, all connections read all keys. Not always, since reading makes a
 * connection notice other commits, which the start of its next transaction must notice.
 */
export const blocksOfConnections = options =>
  fc.array(fc.tuple(block, fc.boolean()), options).map(blocks => {
    const looks = Array.from({ length: CONNECTIONS }, (_, i) => [i, ['walk', 'internal', '', 60, false]]);
    return blocks.flatMap(([steps, isFollowed]) => [...steps, ...(isFollowed ? looks : [])]);
  });
