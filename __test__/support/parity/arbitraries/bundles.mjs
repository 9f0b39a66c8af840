// Generates steps for the bundle store.
import fc from 'fast-check';
import { bundles } from '../../common/bundles.mjs';
import { one, sequence } from './config.mjs';
import { crankOf, crankStep, lookStep } from './kv.mjs';

const good = fc.constantFrom('b0a', 'b0b', 'b0c', 'b1a', 'b1b');
const any = fc.constantFrom(...Object.keys(bundles));
const id = fc.oneof(
  { weight: 6, arbitrary: good },
  { weight: 1, arbitrary: fc.constantFrom('b0-', 'b1-00', 'b2-00', '', 'é\0') },
);

export const goodBundleStep = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant('addBundle'), good) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('deleteBundle'), good) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('hasBundle', 'getBundle'), good),
  },
);

const bundleStep = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('addBundle'), good) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('addBundle'), any) },
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constantFrom('hasBundle', 'getBundle', 'deleteBundle'), id),
  },
  { weight: 1, arbitrary: fc.constant(['getBundleIDs']) },
);

const internalStep = fc.oneof(
  fc.tuple(fc.constant('exportBundle'), id),
  fc.tuple(fc.constant('importBundleRecord'), id),
  fc.tuple(
    fc.constantFrom('importBundleRecord', 'repairBundleRecord'),
    good,
    fc.constantFrom(undefined, 'bundle', 'bundle.a.b', 'other.a'),
    fc.constantFrom(undefined, 'other'),
  ),
  fc.tuple(fc.constant('importBundle'), good, fc.option(good, { nil: undefined })),
  fc.tuple(fc.constant('pruneBundle'), good),
);

export const bundleSteps = options =>
  sequence(
    [
      { weight: 8, arbitrary: one(bundleStep) },
      { weight: 3, arbitrary: crankOf(bundleStep) },
      { weight: 1, arbitrary: one(crankStep) },
      { weight: 3, arbitrary: one(internalStep) },
      { weight: 2, arbitrary: one(lookStep) },
    ],
    options,
  );
