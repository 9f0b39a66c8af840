// A world is one implementation with its own store, and a record of all calls of the store's callbacks. Each world has its
// own directory: two SQLite libraries in one process must never open the same file.
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { tempParent } from './settings.mjs';

// Uses a file system in memory if there is one: these stores are flushed thousands of times.
const memoryDir = '/dev/shm';

const canWrite = dir => {
  try {
    fs.accessSync(dir, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

const tempRoot = tempParent || (canWrite(memoryDir) ? memoryDir : os.tmpdir());

export const makeTempDir = () => fs.mkdtempSync(path.join(tempRoot, 'swing-store-test-'));

export const removeDir = dir => fs.rmSync(dir, { recursive: true, force: true });

/** Calls `use` with a directory that is removed afterwards. */
export const inTempDir = async use => {
  const base = makeTempDir();
  try {
    return await use(base);
  } finally {
    removeDir(base);
  }
};

const concat = chunks => Buffer.concat([...chunks].map(c => Buffer.from(c)));

/**
 * Makes the options of a store whose callbacks record their arguments. A config is plain data that can be generated and
 * printed:
 *   callback: none | record | reenter (writes a host key meanwhile)
 *   archiveTranscript, archiveSnapshot: none | record | throw | reject (each from its second call on)
 */
const makeOptions = (config, world) => {
  const options = {};
  for (const name of ['keepTranscripts', 'keepSnapshots', 'unsafeFastMode']) {
    if (config[name] !== undefined) options[name] = config[name];
  }
  const counts = { export: 0, span: 0, snapshot: 0 };
  const { callback = 'none' } = config;
  if (callback !== 'none') {
    options.exportCallback = entries => {
      counts.export += 1;
      world.events.push(['exportCallback', [...entries].map(pair => [...pair])]);
      if (callback === 'reenter') {
        world.store.hostStorage.kvStore.set('host.calls', `${counts.export}`);
      }
    };
  }
  const archiver = (behaviour, kind, read) => (name, data) => {
    const bytes = read(data);
    counts[kind] += 1;
    world.events.push([kind, name, bytes]);
    // A span without items can't roll over; the choice of the error is a known difference.
    if (counts[kind] >= 2 && bytes.length > 0) {
      if (behaviour === 'throw') throw Error(`the ${kind} archiver is unhappy`);
      if (behaviour === 'reject') {
        return Promise.reject(Error(`the ${kind} archiver is unhappy later`));
      }
    }
    return Promise.resolve();
  };
  const { archiveTranscript = 'none', archiveSnapshot = 'none' } = config;
  if (archiveTranscript !== 'none') {
    options.archiveTranscript = archiver(archiveTranscript, 'span', concat);
  }
  if (archiveSnapshot !== 'none') {
    // The gzip encoders may differ.
    options.archiveSnapshot = archiver(archiveSnapshot, 'snapshot', data => gunzipSync(data));
  }
  return options;
};

/**
 * @param {{ name: string, api: any }} impl
 * @param {string | null} dir null for a store in memory
 * @param {object} config
 */
export const makeWorld = (impl, dir, config = {}) => {
  const world = {
    impl,
    dir,
    config,
    store: undefined,
    events: [],
    slots: new Map(),
    /** Removes the world's directory from messages. */
    tidy: text => (dir ? text.split(dir).join('<dir>') : text),
    init() {
      const options = makeOptions(config, world);
      world.store = impl.api.initSwingStore(dir, options);
    },
    open(more = {}) {
      const options = { ...makeOptions(config, world), ...more };
      world.store = dir === null ? impl.api.initSwingStore(null, options) : impl.api.openSwingStore(dir, options);
    },
    async close() {
      if (!world.store) return;
      for (const exporter of world.slots.values()) {
        await exporter.close();
      }
      world.slots.clear();
      const { close } = world.store.hostStorage;
      world.store = undefined;
      await close();
    },
    takeEvents() {
      const { events } = world;
      world.events = [];
      return events;
    },
  };
  return world;
};
