/** What a store contains, for limits. */
import path from 'node:path';
import Database from 'better-sqlite3';

const query = (store, read) => {
  const db = new Database(path.join(store, 'swingstore.sqlite'), { readonly: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
};

const sizes = {
  items: 'SELECT SUM(LENGTH(CAST(item AS BLOB))) FROM transcriptItems',
  history: `SELECT SUM(LENGTH(CAST(item AS BLOB))) FROM transcriptSpans AS span JOIN transcriptItems AS item
    ON item.vatID = span.vatID AND position >= startPos AND position < endPos WHERE isCurrent IS NULL`,
  images: 'SELECT SUM(uncompressedSize) FROM snapshots WHERE compressedSnapshot IS NOT NULL',
  bundles: 'SELECT SUM(LENGTH(bundle)) FROM bundles',
};

/**
 * The size of a store's contents, in bytes. Images count uncompressed.
 *
 * @param {string} store
 * @param {(keyof typeof sizes)[]} kinds `history` is the items of historical spans
 */
export const sizeOfContents = (store, kinds) =>
  query(store, db =>
    kinds
      .map(kind => /** @type {number | null} */ (db.prepare(sizes[kind]).pluck().get()) ?? 0)
      .reduce((a, b) => a + b, 0),
  );

/** @returns {{ vatID: string, startPos: number, endPos: number }[]} */
export const spansOf = store =>
  query(store, db => db.prepare('SELECT vatID, startPos, endPos FROM transcriptSpans ORDER BY vatID, startPos').all());
