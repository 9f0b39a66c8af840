// Generates steps of every kind, mixed so that most resulting stores can be exported and imported: with texts that both
// preserve, and matching positions.
import fc from 'fast-check';
import { goodBundleStep } from './bundles.mjs';
import { one, sequence } from './config.mjs';
import { crankOf, kvStep, sqlStep } from './kv.mjs';
import { mode } from './mutations.mjs';
import { how, image } from './snapshots.mjs';
import { budget } from './transcripts.mjs';
import { plainText } from './text.mjs';

const vat = fc.constantFrom('v1', 'v1', 'v2', 'v10');

/** No white space, so that no part of it ends with white space. */
const solidText = plainText.map(text => text.replace(/\s/g, '_'));

const items = fc.array(solidText, { minLength: 1, maxLength: 5 });

const named = (name, ...args) => fc.tuple(fc.constant(name), ...args);

/** A snapshot at the end of a span, as a kernel saves it. */
const heapSnapshot = fc
  .tuple(vat, image, how, fc.integer({ min: 0, max: 40 }), items)
  .map(([vatID, img, way, pos, more]) => [
    ['addItems', vatID, more],
    ['saveSnapshot', vatID, pos, img, way],
    ['rolloverSpan', vatID],
    ['addItems', vatID, more],
  ]);

const upgrade = fc.tuple(vat, items).map(([vatID, more]) => [
  ['addItems', vatID, more],
  ['stopUsingLastSnapshot', vatID],
  ['rolloverIncarnation', vatID],
  ['addItems', vatID, more],
]);

const terminate = fc.tuple(vat, budget).map(([vatID, some]) => [
  ['stopUsingLastSnapshot', vatID],
  ['stopUsingTranscript', vatID],
  ['deleteVatSnapshots', vatID, some],
  ['deleteVatTranscripts', vatID, some],
]);

const deliver = fc.oneof(
  { weight: 4, arbitrary: kvStep },
  { weight: 3, arbitrary: named('addItems', vat, items) },
  { weight: 1, arbitrary: goodBundleStep },
);

export const pruneStep = fc.oneof(
  named('pruneItems', vat, fc.nat({ max: 6 }), fc.nat({ max: 12 })),
  named('pruneSnapshot', vat, fc.nat({ max: 20 })),
  named('pruneBundle', fc.constantFrom('b0a', 'b1a')),
);

const slot = fc.nat({ max: 2 });

const aroundStep = fc.oneof(
  fc.constantFrom(['commit'], ['commit'], ['reopen'], ['look'], ['isSwingStore']),
  named('export', mode),
  named('openExporter', slot, mode),
  named('readExporter', slot),
  fc.constantFrom(['dump'], ['dump', false], ['dump', true]),
);

const start = [
  ['initTranscript', 'v1'],
  ['addItems', 'v1', ['first', 'second']],
  ['initTranscript', 'v2'],
  ['addBundle', 'b1a'],
];

/** @param {{ prune?: boolean, around?: boolean, maxLength: number }} options */
export const wholeSteps = ({ prune = true, around = true, maxLength }) =>
  sequence(
    [
      { weight: 6, arbitrary: crankOf(deliver) },
      { weight: 3, arbitrary: heapSnapshot },
      { weight: 2, arbitrary: upgrade },
      { weight: 1, arbitrary: terminate },
      { weight: 1, arbitrary: vat.map(vatID => [['initTranscript', vatID]]) },
      { weight: 2, arbitrary: one(goodBundleStep) },
      ...(prune ? [{ weight: 1, arbitrary: one(pruneStep) }] : []),
      ...(around ? [{ weight: 4, arbitrary: one(aroundStep) }] : []),
      ...(around ? [{ weight: 1, arbitrary: one(sqlStep) }] : []),
    ],
    { maxLength, size: 'max' },
  ).map(steps => [...start, ...steps]);
