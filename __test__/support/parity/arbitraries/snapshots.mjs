// Generates steps for the snapshot store.
import fc from 'fast-check';
import { one, sequence } from './config.mjs';
import { crankOf, crankStep, lookStep } from './kv.mjs';
import { budget, onVat, vatID } from './transcripts.mjs';
import { largeImage } from '../operations/snapshots.mjs';

export const image = fc.nat({ max: largeImage - 1 });

export const snapPos = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, -0, 1000, 2 ** 40, 2 ** 52) },
);

/** The form of an image: the positions of cuts, the type of chunks, and the kind of stream. */
export const how = fc.record(
  {
    cuts: fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 5 }),
    as: fc.constantFrom('Buffer', 'Buffer', 'Uint8Array', 'string', 'mixed'),
    source: fc.constantFrom('asyncGenerator', 'generator', 'slow', 'array'),
  },
  { noNullPrototype: true },
);

const liveVat = fc.constantFrom('v1', 'v1', 'v2', 'v10');

const save = fc.tuple(fc.constant('saveSnapshot'), vatID, snapPos, image, how);

const saveTwo = fc
  .tuple(snapPos, image, how, snapPos, image, how)
  .map(([pos1, image1, how1, pos2, image2, how2]) => [
    'saveTwo',
    ['v1', pos1, image1, how1],
    ['v2', pos2, image2, how2],
  ]);

export const snapshotStep = fc.oneof(
  { weight: 6, arbitrary: save },
  { weight: 2, arbitrary: onVat('loadSnapshot') },
  { weight: 2, arbitrary: onVat('getSnapshotInfo') },
  { weight: 2, arbitrary: onVat('stopUsingLastSnapshot') },
  { weight: 1, arbitrary: fc.constant(['deleteAllUnusedSnapshots']) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant('deleteVatSnapshots'), vatID, budget),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('hasHash'), vatID, image) },
);

const recordWith = requiredKeys =>
  fc
    .tuple(
      fc.constantFrom('v1', 'v3'),
      fc.option(snapPos),
      fc.record(
        {
          vatID: fc.constantFrom('v1', 'v3', ''),
          snapPos,
          hash: fc.constantFrom('abc', ''),
          inUse: fc.constantFrom(0, 1, true, false),
        },
        { requiredKeys, noNullPrototype: true },
      ),
    )
    .map(([vat, pos, metadata]) => [`snapshot.${vat}.${pos === null ? 'current' : pos}`, JSON.stringify(metadata)]);

const places = ['vatID', 'snapPos', 'hash'];

const internalStep = fc.oneof(
  fc.constant(['listAllSnapshots']),
  fc.tuple(fc.constant('deleteSnapshotByHash'), liveVat, image),
  fc.tuple(liveVat, snapPos).map(([vat, pos]) => ['exportSnapshot', `snapshot.${vat}.${pos}`]),
  fc.tuple(fc.constant('exportSnapshot'), fc.constantFrom('snapshot.v1', 'snapshot.v1.x', 'snap.v1.1', '')),
  fc.tuple(fc.constant('pruneSnapshot'), liveVat, snapPos),
  fc.tuple(fc.constant('falsifyHash'), liveVat),
  recordWith(places).map(r => ['importSnapshotRecord', ...r]),
  // A repair with a record that lacks a field is a known difference.
  recordWith([...places, 'inUse']).map(r => ['repairSnapshotRecord', ...r]),
);

const saveLarge = fc.tuple(fc.constant('saveSnapshot'), liveVat, snapPos, fc.constant(largeImage), how);

export const largeSnapshotSteps = options =>
  sequence(
    [
      { weight: 2, arbitrary: one(saveLarge) },
      { weight: 3, arbitrary: one(snapshotStep) },
      { weight: 1, arbitrary: one(lookStep) },
    ],
    options,
  );

export const snapshotSteps = options =>
  sequence(
    [
      { weight: 8, arbitrary: one(snapshotStep) },
      { weight: 1, arbitrary: one(saveTwo) },
      { weight: 3, arbitrary: crankOf(snapshotStep) },
      { weight: 1, arbitrary: one(crankStep) },
      { weight: 2, arbitrary: one(internalStep) },
      { weight: 2, arbitrary: one(lookStep) },
    ],
    options,
  );
