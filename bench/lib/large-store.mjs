/**
 * Generates a store of mainnet's shape: at full size 1,000,000 transcript items of about 2.6 kB in 60 vats of very unequal
 * size, 1,285,645 keys, and 60 heap images of 4 MB.
 *
 * Transcript items are made of the syscalls that a real kernel recorded, with other numbers, so that a span compresses as
 * real ones do: gzip makes it 8 to 11 times smaller. Spans begin and end with the entries that a kernel adds, so that
 * `swing-store verify` finds nothing.
 */
import { createHash } from 'node:crypto';
import { chunksOf } from './directory.mjs';
import { makeHeapImage } from './heap-image.mjs';
import { makeStore } from './inputs.mjs';
import { keyOf, valueOf } from './kernel-data.mjs';
import { recordedItems } from './kernel-trace.mjs';
import { makeRandom } from './random.mjs';

const VATS = 60;
const ITEMS = 1_000_000;
const KEYS = 1_285_645;
const IMAGE_BYTES = 4_000_000;
const ITEM_LENGTH = 2600;
/** A chain commits once a block. */
const ITEMS_PER_BLOCK = 50;

/** The chance that a number in an item differs from the recorded one. */
const CHANGED = 0.5;

const digits = /\d+/g;

/** Makes a function that generates items of about the usual length. */
export const makeItems = random => {
  const recorded = recordedItems().filter(({ d: [kind] }) => kind === 'message' || kind === 'notify');
  const syscalls = recorded.flatMap(({ sc }) => sc).map(syscall => JSON.stringify(syscall));
  const heads = recorded.map(({ d }) => JSON.stringify(d));
  const change = number => (random.chance(CHANGED) ? `${random.uint32()}`.slice(0, number.length + 2) : number);
  return () => {
    // Half to one and a half times the usual length.
    const length = (ITEM_LENGTH * (50 + random.below(100))) / 100;
    const sc = [];
    let size = 300;
    // A delivery's syscalls are similar to each other.
    let at = random.below(syscalls.length);
    while (size < length) {
      const syscall = syscalls[at % syscalls.length];
      sc.push(syscall);
      size += syscall.length;
      at += 1;
    }
    const text = `{"d":${random.pick(heads)},"sc":[${sc.join(',')}],"r":{"status":"ok","metering":{"computrons":100000}}}`;
    return text.replace(digits, change);
  };
};

/** A transcript entry that is no delivery to the vat's code. */
const entry = (d, r = { status: 'ok' }) => JSON.stringify({ d, sc: [], r });

/** A vat's share of all items: the largest vat has about a quarter of them, the smallest next to none. */
const shares = () => {
  const weights = Array.from({ length: VATS }, (_, rank) => 1 / (rank + 1) ** 1.3);
  const sum = weights.reduce((a, b) => a + b);
  return weights.map(weight => weight / sum);
};

/** The sequence of vats that the items belong to. */
function* vatsInOrder(total, order, random) {
  const counts = shares().map(share => Math.max(1, Math.round(share * total)));
  if (order === 'vats') {
    for (const [vat, count] of counts.entries()) for (let i = 0; i < count; i += 1) yield vat;
    return;
  }
  // By time: each item belongs to a vat with a probability in proportion to its share.
  const ends = [];
  for (const count of counts) ends.push((ends.at(-1) ?? 0) + count);
  const sum = ends.at(-1);
  for (let i = 0; i < sum; i += 1) {
    const place = random.below(sum);
    yield ends.findIndex(end => place < end);
  }
}

const setKeys = async (kvStore, count, commit) => {
  const random = makeRandom(11);
  for (let i = 0; i < count; i += 1) {
    kvStore.set(keyOf(i), valueOf(i, random));
    if (i % 20_000 === 19_999) await commit();
  }
};

/**
 * @param {{ api: typeof import('../../index.js'), input: string }} context
 * @param {{ size: number, order: 'time' | 'vats' }} settings `size` is the fraction of the full size; `order` is that of the
 *   items in the file: interleaved by time as a chain writes them, or vat by vat
 */
export const makeLargeStore = ({ api, input }, { size, order }) =>
  makeStore(
    api,
    input,
    async ({ kvStore, transcriptStore, snapStore }, commit) => {
      await setKeys(kvStore, Math.round(KEYS * size), commit);
      const random = makeRandom(12);
      const nextItem = makeItems(random);
      const image = makeHeapImage(13, Math.max(10_000, Math.round(IMAGE_BYTES * Math.min(1, size))));
      const snapshotID = createHash('sha256').update(image).digest('hex');
      const bundleID = `b1-${snapshotID}${snapshotID}`;
      // The larger half of the vats has spans of 200 items, the other of 1,000. The first vats were upgraded twice or once.
      const vats = shares().map((share, vat) => ({
        vatID: `v${vat + 1}`,
        spanLength: vat % 2 === 0 ? 200 : 1000,
        upgradeEvery: vat % 3 === 2 ? Infinity : Math.ceil((share * ITEMS * size) / ((vat % 3) + 2)),
        deliveries: 0,
        items: 0,
        inSpan: 0,
      }));
      const add = (vat, item) => {
        transcriptStore.addItem(vat.vatID, item);
        vat.items += 1;
        vat.inSpan += 1;
      };
      const initialize = vat => add(vat, entry(['initialize-worker', { source: { bundleID }, workerOptions: {} }]));
      const endSpan = async vat => {
        add(vat, entry(['save-snapshot'], { snapshotID }));
        await transcriptStore.rolloverSpan(vat.vatID);
        vat.inSpan = 0;
        add(vat, entry(['load-snapshot', { snapshotID }]));
        vat.startsFromSnapshot = true;
      };
      const upgrade = async vat => {
        add(vat, entry(['shutdown-worker']));
        await transcriptStore.rolloverIncarnation(vat.vatID);
        vat.inSpan = 0;
        initialize(vat);
        vat.startsFromSnapshot = false;
      };
      for (const vat of vats) {
        transcriptStore.initTranscript(vat.vatID);
        initialize(vat);
      }
      let written = 0;
      for (const index of vatsInOrder(Math.round(ITEMS * size), order, random)) {
        const vat = vats[index];
        add(vat, nextItem());
        vat.deliveries += 1;
        if (vat.deliveries % vat.upgradeEvery === 0) await upgrade(vat);
        else if (vat.inSpan >= vat.spanLength - 1) await endSpan(vat);
        written += 1;
        if (written % ITEMS_PER_BLOCK === 0) await commit();
      }
      for (const vat of vats) {
        if (!vat.startsFromSnapshot) await endSpan(vat);
        await snapStore.saveSnapshot(vat.vatID, vat.items - vat.inSpan - 1, chunksOf(image));
      }
      await commit();
    },
    { unsafeFastMode: true },
  );
