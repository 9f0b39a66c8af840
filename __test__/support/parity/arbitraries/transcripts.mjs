// Generates steps for the transcript store: interleaved lives of some vats, with upgrades, termination and gradual deletion.
import fc from 'fast-check';
import { crankOf, crankStep, lookStep, sqlStep } from './kv.mjs';
import { one, sequence } from './config.mjs';
import { megabyte, plainText, wildText } from './text.mjs';

export const vatID = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('v1', 'v1', 'v2', 'v10') },
  // A dot separates the parts of names, and NUL ends C strings.
  { weight: 1, arbitrary: fc.constantFrom('v.1', '', 'é\0', 'none') },
);

const item = fc.oneof(
  { weight: 6, arbitrary: plainText },
  { weight: 4, arbitrary: wildText },
  { weight: 2, arbitrary: fc.constantFrom('', ' ', 'a ', 'a\n', 'a\nb', '\0') },
  { weight: 1, arbitrary: fc.constant({ repeat: ['item ', 3_000] }) },
);

const position = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(undefined, null, -1, -0, 0.5, NaN, Infinity, 1e15, 2 ** 53, '0', 0n),
  },
);

export const budget = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 2, arbitrary: fc.constantFrom(undefined, Infinity) },
  { weight: 2, arbitrary: fc.constantFrom(0, -1, NaN, null, 1000) },
);

export const onVat = name => fc.tuple(fc.constant(name), vatID);

const addItem = fc.tuple(fc.constant('addItem'), vatID, item);
const addItems = fc.tuple(fc.constant('addItems'), vatID, fc.array(item, { minLength: 1, maxLength: 6 }));

export const transcriptStep = fc.oneof(
  { weight: 6, arbitrary: addItem },
  { weight: 4, arbitrary: addItems },
  { weight: 3, arbitrary: onVat('rolloverSpan') },
  { weight: 2, arbitrary: onVat('rolloverIncarnation') },
  { weight: 1, arbitrary: onVat('rolloverAndLook') },
  { weight: 2, arbitrary: onVat('initTranscript') },
  { weight: 2, arbitrary: onVat('getCurrentSpanBounds') },
  { weight: 2, arbitrary: onVat('readSpan') },
  { weight: 2, arbitrary: fc.tuple(fc.constant('readSpan'), vatID, position) },
  { weight: 1, arbitrary: onVat('stopUsingTranscript') },
  { weight: 1, arbitrary: onVat('readFullVatTranscript') },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant('deleteVatTranscripts'), vatID, budget),
  },
);

const spanName = fc
  .tuple(vatID, fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 12 }))
  .map(([vat, start, end]) => `transcript.${vat}.${start}.${end}`);

const number = fc.integer({ min: 0, max: 9 });

const recordWith = requiredKeys =>
  fc
    .tuple(
      fc.constantFrom('v1', 'v3'),
      fc.option(number),
      fc.record(
        {
          vatID: fc.constantFrom('v1', 'v3', ''),
          startPos: number,
          endPos: number,
          hash: fc.constantFrom('abc', ''),
          isCurrent: fc.constantFrom(0, 1, true, false),
          incarnation: fc.constantFrom(0, 1),
        },
        { requiredKeys, noNullPrototype: true },
      ),
    )
    .map(([vat, start, metadata]) => [
      `transcript.${vat}.${start === null ? 'current' : start}`,
      JSON.stringify(metadata),
    ]);

const places = ['vatID', 'startPos', 'endPos', 'hash'];

/** Calls that only tools make: names, records and manual pruning. */
const internalStep = fc.oneof(
  fc.tuple(fc.constant('exportSpan'), fc.oneof(spanName, fc.constantFrom('transcript.v1.0', 'span.v1.0.1', ''))),
  recordWith(places).map(r => ['importTranscriptSpanRecord', ...r]),
  // A repair with a record that lacks a field is a known difference.
  recordWith([...places, 'isCurrent', 'incarnation']).map(r => ['repairTranscriptSpanRecord', ...r]),
  fc.tuple(fc.constant('pruneItems'), vatID, number, number),
);

/** A vat's whole life in consecutive steps, so that sequences reach late states. */
const life = fc
  .tuple(
    fc.constantFrom('v1', 'v2', 'v10'),
    fc.array(
      fc.tuple(
        fc.array(item, { maxLength: 4 }),
        fc.constantFrom('rolloverSpan', 'rolloverSpan', 'rolloverIncarnation'),
      ),
      { maxLength: 4 },
    ),
    fc.boolean(),
  )
  .map(([vat, spans, end]) => [
    ['initTranscript', vat],
    ...spans.flatMap(([items, rollover]) => [
      ['addItems', vat, items],
      [rollover, vat],
    ]),
    ...(end ? [['stopUsingTranscript', vat]] : []),
  ]);

export const transcriptSteps = options =>
  sequence(
    [
      { weight: 3, arbitrary: life },
      { weight: 8, arbitrary: one(transcriptStep) },
      { weight: 3, arbitrary: crankOf(transcriptStep) },
      { weight: 1, arbitrary: one(crankStep) },
      { weight: 1, arbitrary: one(internalStep) },
      { weight: 1, arbitrary: one(sqlStep) },
      { weight: 2, arbitrary: one(lookStep) },
    ],
    options,
  );

export const hugeTranscriptSteps = options =>
  sequence(
    [
      { weight: 2, arbitrary: life },
      { weight: 3, arbitrary: one(transcriptStep) },
      {
        weight: 2,
        arbitrary: one(fc.tuple(fc.constant('addItem'), fc.constantFrom('v1', 'v2'), megabyte)),
      },
      { weight: 1, arbitrary: one(lookStep) },
    ],
    options,
  );
