/** Makes a directory that is removed when the process ends, in whatever way it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * @param {boolean} keep whether to keep the directory instead
 * @returns {{ dir: string, remove: () => void }}
 */
export const makeTemporary = keep => {
  const dir = mkdtempSync(path.join(tmpdir(), 'swing-store-demo-'));
  const remove = () => {
    if (!keep) rmSync(dir, { recursive: true, force: true });
  };
  // A signal ends the process without an `exit` event, unless a handler calls `process.exit`.
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
  for (const [signal, code] of Object.entries(signals)) process.once(signal, () => process.exit(code));
  process.once('exit', remove);
  return { dir, remove };
};
