// Performs steps on the transcript store.
import { Buffer } from 'node:buffer';
import { drain, drainAsync } from '../../common/outcome.mjs';
import { expand } from '../repeated-text.mjs';

const facet = ({ store }) => store.kernelStorage.transcriptStore;
const internal = ({ store }) => store.internal.transcriptStore;

// A current span with missing items can't be archived. The rollover fails, and the difference afterwards is deliberate.
const hasArchiver = ({ config }) => (config.archiveTranscript || 'none') !== 'none';

// A new span that begins at the position of an empty one is refused, and the difference afterwards is deliberate, too.
const isEmpty = (world, vatID) => {
  try {
    const { startPos, endPos } = facet(world).getCurrentSpanBounds(vatID);
    return startPos === endPos;
  } catch {
    return false;
  }
};

// A span of a vat with a dot in its name can't be archived, either.
const canEndSpan = (world, vatID) => !(hasArchiver(world) && vatID.includes('.')) && !isEmpty(world, vatID);

const text = bytes => Buffer.concat(bytes.items).toString('latin1');

export const transcriptOperations = {
  initTranscript(world, vatID) {
    const { initTranscript } = facet(world);
    return initTranscript(vatID);
  },
  addItem(world, vatID, item) {
    const { addItem } = facet(world);
    return addItem(vatID, expand(item));
  },
  addItems(world, vatID, items) {
    const { addItem } = facet(world);
    return items.map(item => addItem(vatID, expand(item)));
  },
  // Without a second argument, or with the given one.
  readSpan(world, vatID, ...startPos) {
    const { readSpan } = facet(world);
    return drain(readSpan(vatID, ...startPos), world.tidy);
  },
  rolloverSpan(world, vatID) {
    if (!canEndSpan(world, vatID)) return 'not here';
    const { rolloverSpan } = facet(world);
    return rolloverSpan(vatID);
  },
  rolloverIncarnation(world, vatID) {
    if (!canEndSpan(world, vatID)) return 'not here';
    const { rolloverIncarnation } = facet(world);
    return rolloverIncarnation(vatID);
  },
  /** A rollover changes the store before it returns its promise. */
  async rolloverAndLook(world, vatID) {
    if (!canEndSpan(world, vatID)) return 'not here';
    const { rolloverSpan, getCurrentSpanBounds } = facet(world);
    const promise = rolloverSpan(vatID);
    promise.catch(() => {});
    const before = getCurrentSpanBounds(vatID);
    return [before, await promise];
  },
  getCurrentSpanBounds(world, vatID) {
    const { getCurrentSpanBounds } = facet(world);
    return getCurrentSpanBounds(vatID);
  },
  stopUsingTranscript(world, vatID) {
    if (!canEndSpan(world, vatID)) return 'not here';
    const { stopUsingTranscript } = facet(world);
    return stopUsingTranscript(vatID);
  },
  deleteVatTranscripts(world, vatID, ...budget) {
    const { deleteVatTranscripts } = facet(world);
    return deleteVatTranscripts(vatID, ...budget);
  },
  readFullVatTranscript(world, vatID) {
    const { readFullVatTranscript } = internal(world);
    return drain(readFullVatTranscript(vatID), world.tidy);
  },
  async exportSpan(world, name) {
    const { exportSpan } = internal(world);
    const read = await drainAsync(exportSpan(name), world.tidy);
    return { text: text(read), ended: read.ended };
  },
  importTranscriptSpanRecord(world, key, value) {
    if (hasArchiver(world)) return 'not here';
    const { importTranscriptSpanRecord } = internal(world);
    return importTranscriptSpanRecord(key, value);
  },
  repairTranscriptSpanRecord(world, key, value) {
    if (hasArchiver(world)) return 'not here';
    const { repairTranscriptSpanRecord } = internal(world);
    return repairTranscriptSpanRecord(key, value);
  },
  /** Prunes as an external tool does: keeps the span's record without its items. */
  pruneItems(world, vatID, from, to) {
    if (hasArchiver(world)) return 'not here';
    const db = world.store.debug.getDatabase();
    db.prepare('DELETE FROM transcriptItems WHERE vatID = ? AND position >= ? AND position < ?').run(vatID, from, to);
    return 'pruned';
  },
};
