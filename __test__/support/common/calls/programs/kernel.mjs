// A kernel that executes commands of its parent process and acknowledges each: `kernel.mjs ours|reference DIR`.
import process from 'node:process';
import { useLimits } from '../../small-limits.mjs';
import { tinyLimits } from '../../settings.mjs';

const [name, dir] = process.argv.slice(2);
if (name === 'reference') await import('@endo/init/debug.js');
const api = await import(name === 'reference' ? '@agoric/swing-store' : '../../../../../index.mjs');
if (name !== 'reference' && tinyLimits) useLimits('tiny');

const { kernelStorage, hostStorage } = api.openSwingStore(dir, { keepSnapshots: true });
const { kvStore, transcriptStore } = kernelStorage;
let block = 0;

/** The first write takes the lock, which only the commit releases. */
const write = () => {
  block += 1;
  kvStore.set('block', `${block}`);
  transcriptStore.addItem('v1', `block ${block}`);
};

/** Measures the time of a call, and returns its error, if any. */
const attempt = act => {
  const begun = performance.now();
  try {
    act();
    return { waited: performance.now() - begun };
  } catch (error) {
    return {
      waited: performance.now() - begun,
      name: error.constructor.name,
      message: error.message,
      code: error.code,
    };
  }
};

const orders = {
  write,
  commit: hostStorage.commit,
  get: () => kvStore.get('second'),
  /** Commits blocks as fast as possible. */
  async blocks() {
    for (let i = 0; i < 50; i += 1) {
      write();
      await hostStorage.commit();
    }
  },
  tryToWrite: () => attempt(() => kvStore.set('second', 'tried')),
  /** Opens the store once more, in addition to the open one. */
  tryToOpen: () => attempt(() => api.openSwingStore(dir).hostStorage.close()),
  async close() {
    await hostStorage.close();
    process.disconnect();
  },
};

process.on('message', async order => {
  const answer = await orders[order]();
  if (order !== 'close') process.send({ order, answer });
});
process.send({ order: 'open' });
