/**
 * Repeats the calls that a real kernel made of its store: 142 blocks with nine vats, two upgrades, one termination and 27
 * heap snapshots. `../data/README.md` describes the recording.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { makeChecksum, makeExportChecksum } from '../lib/checksum.mjs';
import { chunksOf } from '../lib/directory.mjs';
import { makeHeapImage } from '../lib/heap-image.mjs';
import { emptyStore } from '../lib/inputs.mjs';
import { netChanges, readTrace } from '../lib/kernel-trace.mjs';
import { makePlan } from '../lib/plan.mjs';
import { percentile } from '../lib/statistics.mjs';

export const name = 'kernel-trace';
export const goal = 9;
export const stalls = true;
export const input = emptyStore;
// 27 images of 10 to 13 MB at scale 1.
export const sizes = { imagePercent: 100 };
export const unit = 'block';
/** Parts of the work, each with the ratio to reach. */
export const parts = { calls: 7, images: 0, 'median block': 7, '99th percentile of blocks': 10 };

/** The first letter of a recorded function's name says where it is. */
const makeCalls = ({ kernelStorage, hostStorage }) => {
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  const places = { h: hostStorage.kvStore, t: transcriptStore, s: snapStore, b: bundleStore, c: kernelStorage };
  return fn => {
    const [first, second] = fn.split('.');
    return second === undefined ? kvStore[first] : places[first][second];
  };
};

const isImage = fn => fn === 's.saveSnapshot';

/** The size of each image. */
const imageLengths = (recorded, imagePercent) =>
  recorded.filter(([fn]) => isImage(fn)).map(call => Math.round((call[3] * imagePercent) / 100));

/** An image that starts with each of the trace's images. */
const longestImage = lengths => makeHeapImage(1, Math.max(...lengths));

const seconds = nanoseconds => Number(nanoseconds) / 1e9;

/** The recorded calls, with the functions to call. */
const makeTrace = (callOf, imagePercent) => {
  const recorded = readTrace();
  const lengths = imageLengths(recorded, imagePercent);
  const image = longestImage(lengths);
  return recorded.map(([fn, ...args]) => {
    // `null` stands for an absent argument.
    const given = args.map(arg => arg ?? undefined);
    // The recording has the length of the image instead of its stream.
    if (isImage(fn)) given[2] = image.subarray(0, lengths.shift());
    return [fn, fn === 'commit' ? undefined : callOf(fn), given];
  });
};

/** Repeats the calls. Returns a checksum of the answers, the time of each block, and that of each kind of call. */
const replay = async (trace, commit, measure) => {
  const answers = makeChecksum();
  const blocks = [];
  const times = { calls: 0n, images: 0n, commits: 0n };
  await measure(async () => {
    // Times of consecutive calls of one kind are measured together: a clock for each call would cost as much as the call.
    let kind = 'calls';
    let began = process.hrtime.bigint();
    let blockBegan = began;
    const switchTo = next => {
      const now = process.hrtime.bigint();
      times[kind] += now - began;
      [kind, began] = [next, now];
    };
    for (const [fn, call, args] of trace) {
      if (fn === 'commit') {
        switchTo('commits');
        await commit();
        switchTo('calls');
        blocks.push(seconds(began - blockBegan));
        // Between blocks, a host returns to the event loop: otherwise several blocks would count as one stall.
        await setImmediate();
        began = process.hrtime.bigint();
        blockBegan = began;
      } else if (isImage(fn)) {
        const [vatID, position, bytes] = args;
        switchTo('images');
        const { hash } = await call(vatID, position, chunksOf(bytes));
        switchTo('calls');
        answers.add(hash);
      } else if (fn === 't.readSpan') {
        for (const item of call(...args)) answers.add(item);
      } else {
        const answer = call(...args);
        const value = answer instanceof Promise ? await answer : answer;
        if (typeof value === 'string') answers.add(value);
      }
    }
    switchTo('calls');
  });
  return { answers, blocks, times };
};

/** The least that a store could do: a `Map` of values, and another of changes for the `exportCallback`. */
const makeModel = exportCallback => {
  const values = new Map();
  let changes = new Map();
  const set = (key, value) => {
    values.set(key, value);
    changes.set(`kv.${key}`, value);
  };
  const report = () => {
    if (changes.size > 0) exportCallback([...changes]);
    changes = new Map();
  };
  const functions = {
    get: key => values.get(key),
    has: key => values.has(key),
    set,
    'h.set': set,
    delete: key => {
      values.delete(key);
      changes.set(`kv.${key}`, null);
    },
    'c.endCrank': report,
    't.readSpan': () => [],
    's.saveSnapshot': async () => ({ hash: '' }),
  };
  return { callOf: fn => functions[fn] ?? (() => undefined), commit: async () => report() };
};

export const limit = {
  what:
    'SQLite writing the rows that each block has changed at its end, in one transaction, and, on all cores, libdeflate at ' +
    'level 1 and SHA-256 for the images',
  prepare: async ({ sizes: { imagePercent }, plan: dir }) => {
    const recorded = readTrace();
    const plan = makePlan();
    for (const steps of netChanges(recorded, imagePercent / 100)) {
      plan.block(() => steps.forEach(step => plan.step(...step)));
    }
    await plan.write(path.join(dir, 'plan'));
    const lengths = imageLengths(recorded, imagePercent);
    await writeFile(path.join(dir, 'image'), longestImage(lengths));
    return {
      commands: {
        SQLite: ['replay', 'store:swingstore.sqlite', 'plan:plan'],
        images: ['save-images', 'plan:image', ...lengths.map(String)],
      },
    };
  },
  host: {
    what: "JavaScript's own work for the calls, with a `Map` instead of a store,",
    run: async ({ sizes: { imagePercent }, measure }) => {
      const { exportCallback } = makeExportChecksum();
      const { callOf, commit } = makeModel(exportCallback);
      const { blocks } = await replay(makeTrace(callOf, imagePercent), commit, measure);
      return { medianBlock: percentile(blocks, 50) };
    },
  },
};

export const run = async ({ api, store, sizes: { imagePercent }, measure }) => {
  const { exported, exportCallback } = makeExportChecksum();
  const storage = api.initSwingStore(store, { exportCallback });
  const { kernelStorage, hostStorage } = storage;
  const trace = makeTrace(makeCalls(storage), imagePercent);
  const { answers, blocks, times } = await replay(trace, hostStorage.commit, measure);
  const activityhash = kernelStorage.getActivityhash();
  await hostStorage.close();
  return {
    work: { activityhash, exported: exported.result(), answers: answers.result() },
    units: blocks.length,
    figures: {
      calls: seconds(times.calls),
      images: seconds(times.images),
      commit: seconds(times.commits),
      'median block': percentile(blocks, 50),
      '99th percentile of blocks': percentile(blocks, 99),
    },
  };
};
