import fc from 'fast-check';

const archiver = (...unhappy) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant('none') },
    { weight: 5, arbitrary: fc.constant('record') },
    { weight: 1, arbitrary: fc.constantFrom(...unhappy) },
  );

/** See world.mjs for the meaning of these fields. */
export const config = fc.record({
  memory: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  callback: fc.oneof(
    { weight: 6, arbitrary: fc.constant('record') },
    { weight: 2, arbitrary: fc.constant('none') },
    { weight: 1, arbitrary: fc.constant('reenter') },
  ),
  keepTranscripts: fc.constantFrom(undefined, true, false),
  keepSnapshots: fc.constantFrom(undefined, true, false),
  // If this one throws at once, the difference is deliberate.
  archiveTranscript: archiver('reject'),
  archiveSnapshot: archiver('throw', 'reject'),
});

/** A flat list of single steps and of blocks of related steps. */
export const sequence = (blocks, options) => fc.array(fc.oneof(...blocks), options).map(lists => lists.flat());

export const one = arbitrary => arbitrary.map(step => [step]);

export const example = (steps, tail, configs = config) =>
  fc.record({ config: configs, lookOften: fc.boolean(), steps, tail });

export const withoutDumps = config.map(c => ({ ...c, noDumps: true }));
