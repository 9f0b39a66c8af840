// Versions of the reference with one deliberate fault each. The comparison must find every fault.
import { reference } from '../common/implementations.mjs';

/** Wraps the functions of an API that open stores. */
const withOpeners = change => ({
  ...reference,
  name: 'faulty',
  api: {
    ...reference.api,
    initSwingStore: change(reference.api.initSwingStore),
    openSwingStore: change(reference.api.openSwingStore),
  },
});

const withStores = change =>
  withOpeners(open => (path, options) => {
    const store = open(path, options);
    return { ...store, ...change(store) };
  });

const withKernel = change =>
  withStores(({ kernelStorage, ...others }) => ({
    kernelStorage: { ...kernelStorage, ...change(kernelStorage, others) },
  }));

const withKV = change =>
  withKernel(({ kvStore }, others) => ({
    kvStore: { ...kvStore, ...change(kvStore, others) },
  }));

const withOptions = change =>
  withOpeners(
    open =>
      (path, options = {}) =>
        open(path, { ...options, ...change(options) }),
  );

const withExporter = change => ({
  ...reference,
  name: 'faulty',
  api: {
    ...reference.api,
    makeSwingStoreExporter(dir, options) {
      const exporter = reference.api.makeSwingStoreExporter(dir, options);
      return { ...exporter, ...change(exporter, options) };
    },
  },
});

const callbackOf = change => options =>
  options.exportCallback ? { exportCallback: entries => change(options.exportCallback, entries) } : {};

/** For each fault, the suite that must find it, and the faulty implementation. */
export const faults = {
  wrongCrankHash: {
    suite: 'kv',
    impl: withKernel(({ emitCrankHashes }) => {
      let count = 0;
      return {
        emitCrankHashes() {
          const { crankhash, activityhash } = emitCrankHashes();
          count += 1;
          return count === 3 ? { crankhash: crankhash.replace(/^./, '?'), activityhash } : { crankhash, activityhash };
        },
      };
    }),
  },
  lostRollback: {
    suite: 'kv',
    impl: withKernel(() => ({ rollbackCrank() {} })),
  },
  commitAtEndCrank: {
    suite: 'kv',
    impl: withStores(({ kernelStorage, hostStorage }) => ({
      kernelStorage: {
        ...kernelStorage,
        endCrank() {
          kernelStorage.endCrank();
          hostStorage.commit();
        },
      },
    })),
  },
  reversedCallback: {
    suite: 'kv',
    impl: withOptions(callbackOf((call, entries) => call([...entries].reverse()))),
  },
  emptyCallback: {
    suite: 'kv',
    impl: withOptions(
      callbackOf((call, entries) => {
        call(entries);
        call([]);
      }),
    ),
  },
  keysByUTF16: {
    suite: 'kv',
    impl: withKV((_kvStore, { debug }) => ({
      getNextKey(previous) {
        const keys = debug.getDatabase().prepare('SELECT key FROM kvStore').pluck().all();
        return keys.sort().find(key => key > previous);
      },
    })),
  },
  valuesEndAtNUL: {
    suite: 'kv',
    impl: withKV(({ get }) => ({ get: key => get(key)?.split('\0')[0] })),
  },
  cacheOfWhatWasSet: {
    suite: 'kv',
    impl: withKV(({ get, set, delete: remove }) => {
      const cache = new Map();
      return {
        get: key => (cache.has(key) ? cache.get(key) : get(key)),
        set(key, value) {
          set(key, value);
          cache.set(key, value);
        },
        delete(key) {
          remove(key);
          cache.delete(key);
        },
      };
    }),
  },
  otherMessage: {
    suite: 'kv',
    impl: withKV(({ set }) => ({
      set(key, value) {
        if (typeof value !== 'string') throw Error('value must be string');
        set(key, value);
      },
    })),
  },
  budgetOffByOne: {
    suite: 'transcripts',
    impl: withKernel(({ transcriptStore }) => ({
      transcriptStore: {
        ...transcriptStore,
        deleteVatTranscripts: (vatID, budget) =>
          transcriptStore.deleteVatTranscripts(vatID, typeof budget === 'number' && budget >= 1 ? budget + 1 : budget),
      },
    })),
  },
  throwsInsteadOfRejecting: {
    suite: 'transcripts',
    impl: withKernel(({ transcriptStore }) => ({
      transcriptStore: {
        ...transcriptStore,
        rolloverSpan(vatID) {
          transcriptStore.getCurrentSpanBounds(vatID);
          return transcriptStore.rolloverSpan(vatID);
        },
      },
    })),
  },
  itemsTrimmed: {
    suite: 'transcripts',
    impl: withKernel(({ transcriptStore }) => ({
      transcriptStore: {
        ...transcriptStore,
        addItem: (vatID, item) => transcriptStore.addItem(vatID, item.trimEnd()),
      },
    })),
  },
  spansWithoutLastNewline: {
    suite: 'transcripts',
    impl: withExporter(({ getArtifact }) => ({
      async *getArtifact(name) {
        let last;
        for await (const chunk of getArtifact(name)) {
          if (last) yield last;
          last = chunk;
        }
        if (last) {
          yield name.startsWith('transcript') ? last.subarray(0, -1) : last;
        }
      },
    })),
  },
  imagesKept: {
    suite: 'snapshots',
    impl: withOptions(() => ({ keepSnapshots: true })),
  },
  sizeOffByOne: {
    suite: 'snapshots',
    impl: withKernel(({ snapStore }) => ({
      snapStore: {
        ...snapStore,
        async saveSnapshot(...args) {
          const result = await snapStore.saveSnapshot(...args);
          return { ...result, uncompressedSize: result.uncompressedSize + 1 };
        },
      },
    })),
  },
  exportReordered: {
    suite: 'whole',
    impl: withExporter(({ getExportData }) => ({
      async *getExportData() {
        const all = [];
        for await (const pair of getExportData()) all.push(pair);
        yield* all.sort(([a], [b]) => (a < b ? -1 : 1));
      },
    })),
  },
  exportWithoutCheck: {
    suite: 'whole',
    impl: withExporter((exporter, { artifactMode }) => ({
      getArtifactNames() {
        try {
          return exporter.getArtifactNames();
        } catch (error) {
          if (artifactMode !== 'archival') throw error;
          return [];
        }
      },
    })),
  },
  importInTheWrongMode: {
    suite: 'import',
    impl: {
      ...reference,
      name: 'faulty',
      api: {
        ...reference.api,
        importSwingStore: (exporter, dir, options) =>
          reference.api.importSwingStore(exporter, dir, {
            ...options,
            artifactMode: 'operational',
          }),
      },
    },
  },
};
