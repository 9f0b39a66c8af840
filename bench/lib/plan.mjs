/**
 * Writes plans: files of SQL statements that the program for limits executes in order. `benches/limits/plan.rs` describes
 * the format.
 */
import { writeFile } from 'node:fs/promises';

const uint = (size, value) => {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntLE(value, 0, size);
  return bytes;
};

const text = value => {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint(4, bytes.length), bytes]);
};

const parameter = value => {
  if (value === null) return Buffer.from('n');
  if (typeof value === 'string') return Buffer.concat([Buffer.from('t'), text(value)]);
  if (typeof value === 'object') return Buffer.concat([Buffer.from('z'), uint(4, value.zeros)]);
  const bytes = Buffer.alloc(9, 'i');
  bytes.writeBigInt64LE(BigInt(value), 1);
  return bytes;
};

/** The statements that every crank needs. */
const transaction = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  savepoint: 'SAVEPOINT t0',
  rollback: 'ROLLBACK TO t0',
  release: 'RELEASE t0',
};

export const statements = {
  get: 'SELECT value FROM kvStore WHERE key = ?',
  set: 'INSERT INTO kvStore (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  remove: 'DELETE FROM kvStore WHERE key = ?',
  listSpans: 'SELECT vatID, startPos, endPos FROM transcriptSpans ORDER BY vatID, startPos',
  countItems: 'SELECT COUNT(*) FROM transcriptItems WHERE vatID = ? AND position >= ? AND position < ?',
};

/** @param {{ repeat?: number }} [options] `repeat` is how many times to execute the plan */
export const makePlan = ({ repeat = 1 } = {}) => {
  const indices = new Map();
  const steps = [];
  let inTransaction = false;

  /** Adds a step. A value is a string, an integer, `null`, or `{ zeros }`: a blob of so many zeros. */
  const step = (sql, ...values) => {
    if (!indices.has(sql)) indices.set(sql, indices.size);
    steps.push(uint(2, indices.get(sql)), uint(1, values.length), ...values.map(parameter));
  };

  const commit = () => {
    if (inTransaction) step(transaction.commit);
    inTransaction = false;
  };

  /**
   * Adds one crank, whose steps `work` adds. Like the stores, writes the new activityhash into the table; but without a
   * savepoint, only reads, outside a transaction.
   */
  const crank = (work, { emit = true, rollback = false, savepoint = true } = {}) => {
    if (!savepoint) {
      work();
      return;
    }
    if (!inTransaction) step(transaction.begin);
    inTransaction = true;
    step(transaction.savepoint);
    work();
    if (rollback) step(transaction.rollback);
    if (emit) step(statements.set, 'activityhash', (steps.length % 10).toString().repeat(64));
    step(transaction.release);
  };

  const write = file => {
    const head = [...indices.keys()].map(text);
    return writeFile(file, Buffer.concat([uint(4, repeat), uint(4, head.length), ...head, ...steps]));
  };

  /** Adds one transaction, whose steps `work` adds. */
  const block = work => {
    step(transaction.begin);
    work();
    step(transaction.commit);
  };

  return { step, crank, block, commit, write };
};
