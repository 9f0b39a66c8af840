import fc from 'fast-check';

const i = fc.nat({ max: 60 });

const oneOf = (field, ...values) => fc.tuple(fc.constant(field), fc.constantFrom('absent', ...values));

// Only values of permitted types, or values that count as missing: for wrong types, the difference is deliberate.
const changedField = fc.oneof(
  oneOf('vatID', null, 0, false, '', 'v2'),
  oneOf('startPos', 0, 1, 2, 3),
  oneOf('endPos', 0, 1, 2, 3),
  oneOf('hash', null, 0, false, '', 'no hash'),
  oneOf('isCurrent', null, 0, 1, 2, true, false, '', 'v2'),
  oneOf('incarnation', 0, 1, 2, 3),
  oneOf('snapPos', 0, 1, 2, 3),
  oneOf('inUse', null, 0, 1, 2, true, false, '', 'v2'),
);

const hash = '00'.repeat(32);

// Records of every kind that no export has.
const strangeRecord = fc.constantFrom(
  ['unknown.a', 'x'],
  ['unknown', 'x'],
  ['', 'x'],
  ['kv.', 'empty key'],
  ['kv', 'no dot'],
  ['kv.host.x', 'a host key'],
  ['kv.local.x', 'a local key'],
  ['kv.new', 'a new key'],
  ['kv.new', ''],
  ['kv.a.b.c\0é', 'é\0\u{1f600}'],
  ['kv.number', 5],
  ['bundle.b0-00', 'b0-00'],
  ['bundle.b0-00', 'b0-11'],
  ['bundle.b2-00', 'b2-00'],
  ['bundle', 'b0-00'],
  ['bundle.a.b', 'a.b'],
  ['snapshot.v1.current', 'snapshot.v1.99'],
  ['snapshot.v1.current', '{"'],
  ['snapshot.v9.7', '{"'],
  ['snapshot.v9.7', '7'],
  ['snapshot.v9.7', JSON.stringify({ vatID: 'v9', snapPos: 7, hash, inUse: 0 })],
  ['snapshot.v9.7', JSON.stringify({ vatID: 'v9', snapPos: 7, hash, inUse: 1 })],
  ['snapshot.v9.7', JSON.stringify({ vatID: 'v8', snapPos: 6, hash, inUse: 0 })],
  [
    'transcript.v9.7',
    JSON.stringify({
      vatID: 'v9',
      startPos: 7,
      endPos: 9,
      hash,
      isCurrent: 0,
      incarnation: 0,
    }),
  ],
  [
    'transcript.v9.current',
    JSON.stringify({
      vatID: 'v9',
      startPos: 0,
      endPos: 0,
      hash,
      isCurrent: 1,
      incarnation: 0,
    }),
  ],
  ['transcript.v9.current', '{}'],
  ['transcript.v9.7', 'null'],
);

const strangeName = fc.constantFrom(
  'unknown.a',
  '',
  'bundle',
  'bundle.b0-00',
  'bundle.b2-00',
  'bundle.a.b',
  'snapshot.v1',
  'snapshot.v1.99',
  'snapshot.v1.x',
  'transcript.v1.0',
  'transcript.v1.0.99',
  'transcript.v1.98.99',
  'transcript.v1.x.y',
);

const named = (name, ...args) => fc.tuple(fc.constant(name), ...args);

const changeField = fc.tuple(i, changedField).map(([n, [field, value]]) => ['changeField', n, field, value]);

export const mutation = fc.oneof(
  ...['dropRecord', 'duplicateRecord', 'nullRecord', 'undefinedRecord'].map(n => named(n, i)),
  named('nullAndBack', i),
  named('rotateRecords', i),
  named('reverseRecords'),
  strangeRecord.map(record => ['addRecord', ...record]),
  changeField,
  changeField,
  named('changeValue', i, fc.constantFrom('', 'x', '{}', '{"', 'null', '1')),
  strangeRecord.chain(([key]) => named('changeKey', i, fc.constant(key))),
  ...['dropArtifact', 'listAbsent', 'listTwice', 'rotateArtifacts'].map(n => named(n, i)),
  named('reverseArtifacts'),
  named('addArtifact', strangeName, fc.constantFrom('', 'x', 'x\ny\n')),
  named('renameArtifact', i, strangeName),
  named('truncateArtifact', i, fc.oneof(fc.constantFrom(1, 1, 2), i, fc.constant(1e9))),
  // No white space at the end of a line: there the difference is deliberate.
  named('extendArtifact', i, fc.constantFrom('x', 'x\n', '\n', '\xff', '\xe2\x82')),
  named('changeByte', i, fc.nat({ max: 2000 }), fc.constantFrom(0x58, 0x00, 0xff, 0xe2)),
  named('swapContents', i, i),
);

// A repair with a record that lacks a field is a known difference.
const isWhole = ([name, , field, value]) =>
  name !== 'changeField' || (value !== 'absent' && (field !== 'hash' || value === 'no hash'));

export const repairMutation = mutation.filter(isWhole);

export const style = fc.record({
  style: fc.constantFrom('asyncGenerator', 'generator', 'array'),
  chunkSize: fc.constantFrom(0, 1, 3, 1000),
  closeFails: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

export const mode = fc.constantFrom('operational', 'replay', 'archival', 'debug');
