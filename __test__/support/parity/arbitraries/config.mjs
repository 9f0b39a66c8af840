import fc from 'fast-check';

const archiver = (...unhappy) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant('none') },
    { weight: 5, arbitrary: fc.constant('record') },
    { weight: 1, arbitrary: fc.constantFrom(...unhappy) },
  );

/** See world.mjs for what these say. */
export const config = fc.record({
  memory: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  callback: fc.oneof(
    { weight: 6, arbitrary: fc.constant('record') },
    { weight: 2, arbitrary: fc.constant('none') },
    { weight: 1, arbitrary: fc.constant('reenter') },
  ),
  keepTranscripts: fc.constantFrom(undefined, true, false),
  keepSnapshots: fc.constantFrom(undefined, true, false),
  // When this one throws at once the two part on purpose.
  archiveTranscript: archiver('reject'),
  archiveSnapshot: archiver('throw', 'reject'),
});

/** Single steps among blocks of steps that belong together, in one flat list. */
export const sequence = (blocks, options) => fc.array(fc.oneof(...blocks), options).map(lists => lists.flat());

export const one = arbitrary => arbitrary.map(step => [step]);

export const example = (steps, tail, configs = config) =>
  fc.record({ config: configs, lookOften: fc.boolean(), steps, tail });

export const withoutDumps = config.map(c => ({ ...c, noDumps: true }));
