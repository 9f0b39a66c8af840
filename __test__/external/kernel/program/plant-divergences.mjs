// Changes two recorded system calls of a store, in different vats: an argument, and the answer of the kernel. Adapts the
// hashes of the spans, so that nothing but a replay finds the changes.
//
//   node plant-divergences.mjs STORE OUTPUT

import '@endo/init';

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

import { openSwingStore, openSwingStoreHistory, verifySwingStore } from '@agoric/swing-store';

const [, , store, output] = process.argv;

const sha256 = text => createHash('sha256').update(text).digest('hex');

/** The items of each live vat's current incarnation that ran in xsnap. */
const readVats = async () => {
  const history = openSwingStoreHistory(store);
  const vats = [];
  for (const { vatID, incarnation, state } of await history.listVats()) {
    if (state === 'live') {
      const items = [];
      for await (const { position, item } of history.readIncarnation(vatID, incarnation)) {
        items.push({ position, ...JSON.parse(item) });
      }
      // A vat that the kernel runs itself has no items, or an item that says so.
      if (items[0]?.d[1].workerOptions.type === 'xsnap') vats.push({ vatID, items });
    }
  }
  await history.close();
  return vats;
};

/** A number, or the value of a collection's entry that is one, with the next number; undefined for other values. */
const increment = text => {
  const [, before, number, after] = /^((?:\{"body":"#)?)(\d+)((?:","slots":\[\]\})?)$/.exec(text ?? '') ?? [];
  return number === undefined ? undefined : `${before}${Number(number) + 1}${after}`;
};

/** Changes the answer to the read of a number that the delivery writes later. Returns the system call that then differs. */
const changeAnswer = ({ sc }) => {
  const read = sc.findIndex(({ s, r }) => s[0] === 'vatstoreGet' && increment(r[1]));
  if (read < 0) return -1;
  const written = sc.findIndex(({ s }, i) => i > read && s[0] === 'vatstoreSet' && s[1] === sc[read].s[1]);
  if (written >= 0) sc[read].r[1] = increment(sc[read].r[1]);
  return written;
};

/** Changes an argument. Returns the system call. */
const changeArgument = ({ sc }) => {
  const written = sc.findIndex(({ s }) => s[0] === 'vatstoreSet');
  if (written >= 0) sc[written].s[2] += ' ';
  return written;
};

/** Applies a change to the last delivery of a vat for which it is possible. */
const plantIn = ({ vatID, items }, change) => {
  for (const item of items.toReversed()) {
    const syscall = change(item);
    if (syscall >= 0) return { vatID, syscall, ...item };
  }
  return undefined;
};

const vats = await readVats();
const planted = [];
for (const change of [changeAnswer, changeArgument]) {
  for (const vat of vats.filter(({ vatID }) => planted.every(other => other.vatID !== vatID))) {
    const found = plantIn(vat, change);
    if (found) {
      planted.push(found);
      break;
    }
  }
}

const { hostStorage, debug } = openSwingStore(store);
const db = debug.getDatabase();
for (const { vatID, position, d, sc, r } of planted) {
  const item = JSON.stringify({ d, sc, r });
  db.prepare('UPDATE transcriptItems SET item = ? WHERE vatID = ? AND position = ?').run(item, vatID, position);
  const [{ startPos, endPos }] = db
    .prepare('SELECT startPos, endPos FROM transcriptSpans WHERE vatID = ? AND startPos <= ? AND endPos > ?')
    .all(vatID, position, position);
  const texts = db
    .prepare('SELECT item FROM transcriptItems WHERE vatID = ? AND position >= ? AND position < ? ORDER BY position')
    .all(vatID, startPos, endPos)
    .map(row => row.item);
  const hash = texts.reduce((prior, text) => sha256(`${prior}${sha256(text)}`), sha256('start of transcript span'));
  db.prepare('UPDATE transcriptSpans SET hash = ? WHERE vatID = ? AND startPos = ?').run(hash, vatID, startPos);
}
await hostStorage.commit();
await hostStorage.close();

const { findings } = await verifySwingStore(store, { artifactMode: 'replay' });
const places = planted.map(({ vatID, position, syscall }) => ({ vatID, position, kind: 'syscall', syscall }));
writeFileSync(output, JSON.stringify({ planted: places, findings }));
