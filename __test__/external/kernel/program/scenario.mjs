// The scenario of the chain: three parts, each run by a separate process. A part
// is a list of blocks; a block is a list of messages to the bootstrap vat, with a
// budget for cleaning up ended vats. Plain data, so that all runs get the same input.

/** The budget for cleaning up an ended vat in one block. */
const little = { default: 5, kv: 20, snapshots: 1, transcripts: 1 };

/**
 * @param {object[]} messages
 * @param {object | boolean} [cleanup]
 */
const block = (messages, cleanup = little) => ({ messages, cleanup });

/**
 * @param {string} method of the bootstrap vat
 * @param {unknown[]} args
 * @param {unknown} [answer] what it must resolve to; anything if it is absent
 */
const message = (method, args, answer) => ({ method, args, answer });

const send = (name, method, args, answer) => message('send', [name, method, ...args], answer);

/** Blocks with enough deliveries for snapshots and new spans. */
const routine = count => Array.from({ length: count }, () => block([send('ledger', 'add', [1])]));

const toReport = words => send('ledger', 'report', [], words);

const first = [
  block([message('create', ['ledger', 'ledger', { edition: 1 }], 'created ledger')]),
  block([
    message('create', ['doomed', 'fickle'], 'created doomed'),
    message('create', ['fickle', 'fickle'], 'created fickle'),
  ]),
  block([
    send('ledger', 'open', ['a', 20], 20),
    send('doomed', 'work', [0, 30], 30),
    send('fickle', 'work', [0, 10], 10),
  ]),
  block([message('introduce', ['ledger', 'leaveObjects', 'doomed', 8], 8)]),
  ...routine(4),
  block([send('doomed', 'work', [30, 30], 60), send('fickle', 'work', [10, 10], 20)]),
  block([send('doomed', 'work', [60, 30], 90), send('fickle', 'work', [20, 10], 30)]),
  block([toReport('edition 1, incarnation 1, 20 accounts, 1 in memory')]),
  block([message('upgradeToNamed', ['ledger', 'ledger', { edition: 2 }])]),
  block([toReport('edition 2, incarnation 2, 20 accounts, 0 in memory')]),
  block([send('ledger', 'open', ['b', 10], 30)]),
  ...routine(4),
  block([message('terminate', ['doomed', 'not needed'], 'terminated doomed')]),
  block([message('whatBecameOf', ['doomed'], 'ended badly: not needed')]),
];

const second = [
  block([toReport('edition 2, incarnation 2, 30 accounts, 1 in memory')]),
  block([message('introduce', ['ledger', 'leaveObjects', 'fickle', 5], 5)]),
  ...routine(3),
  block([send('fickle', 'drop', [], 5), send('fickle', 'work', [30, 10], 40)]),
  block([message('upgradeToInstalled', ['ledger', 'installed', { edition: 3 }])]),
  block([toReport('edition 3, incarnation 3, 30 accounts, 0 in memory')]),
  block([send('ledger', 'close', ['b'], 10)]),
  block([message('refusal', ['fickle', 'fail', 'changed its mind'])]),
  block([message('whatBecameOf', ['fickle'], 'ended badly: changed its mind')]),
  block([message('create', ['fickle', 'fickle'], 'created fickle')]),
  ...routine(3),
];

const third = [
  block([toReport('edition 3, incarnation 3, 20 accounts, 0 in memory')], true),
  block([send('fickle', 'work', [0, 10], 10)], true),
  ...routine(3),
];

export const parts = { first, second, third };
