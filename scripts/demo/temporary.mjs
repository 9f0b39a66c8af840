/** A directory that is gone when the process is, however it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * @param {boolean} keep  leave it there after all
 * @returns {{ dir: string, remove: () => void }}
 */
export const makeTemporary = keep => {
  const dir = mkdtempSync(path.join(tmpdir(), 'swing-store-demo-'));
  const remove = () => {
    if (!keep) rmSync(dir, { recursive: true, force: true });
  };
  // A process that a signal ends does not come by `exit` unless it goes there itself.
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
  for (const [signal, code] of Object.entries(signals)) process.once(signal, () => process.exit(code));
  process.once('exit', remove);
  return { dir, remove };
};
