// Blocks of several connections to one store: each is written and committed by one of them, while the others read.
import fc from 'fast-check';
import { crankOf, key, kvStep } from './kv.mjs';
import { onVat, transcriptStep } from './transcripts.mjs';

/** How many connections there are. */
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

/** Before it is committed, some of the work may be read by its writer; others see what was there before. */
const work = fc.oneof({ weight: 3, arbitrary: kvStep }, { weight: 1, arbitrary: transcriptStep });

/** A block: its writer's steps, with reads of any connection among them, and its commit. */
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
 * A list of `[connection, step]`. After some blocks all of them look at all keys; not always, for a look makes a connection
 * notice what others have committed, which the beginning of its next transaction has to do, too.
 */
export const blocksOfConnections = options =>
  fc.array(fc.tuple(block, fc.boolean()), options).map(blocks => {
    const looks = Array.from({ length: CONNECTIONS }, (_, i) => [i, ['walk', 'internal', '', 60, false]]);
    return blocks.flatMap(([steps, isFollowed]) => [...steps, ...(isFollowed ? looks : [])]);
  });
