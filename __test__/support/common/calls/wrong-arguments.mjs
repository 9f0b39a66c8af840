// Thousands of wrong arguments and streams. Each call must return or throw, and the store must stay intact.
import fs from 'node:fs';
import path from 'node:path';
import tmp from 'tmp';
import { methodsOf, methodsOfStore } from './methods.mjs';
import { outcomeOf } from './describe-outcome.mjs';
import { hostileChunks, hostileStreams, hostileValues } from './hostile-values.mjs';
import {
  exporterRecipes,
  exportRecipes,
  historyRecipes,
  image,
  prepare,
  statementRecipes,
  storeRecipes,
} from './valid-calls.mjs';

/** States that a caller may cause by valid calls in a wrong order, or by names that the reference accepts, too. */
const isOwnFault = ({ kind, position }) =>
  kind === 'bad-name' || kind === 'snapshot-unmatched' || (kind === 'bad-value' && position === -1);

export const errorsOf = async ({ api, dir }) => {
  const { findings } = await api.verifySwingStore(dir, { artifactMode: 'debug' });
  const errors = findings.filter(finding => finding.severity === 'error' && !isOwnFault(finding));
  return errors.length === 0 ? 'returns no findings' : `DAMAGED: ${JSON.stringify(errors.slice(0, 3))}`;
};

/** Calls a method with each wrong value in each position, without arguments, and with too many. */
const variants = makeArguments => {
  const right = makeArguments();
  const all = [
    ['without arguments', () => []],
    ['with too many arguments', () => [...makeArguments(), 7, {}, 'more', Symbol('more'), 8, 9]],
  ];
  for (const [what, make] of Object.entries(hostileValues)) {
    for (const i of right.keys()) {
      all.push([
        `${what} as argument ${i}`,
        () => {
          const args = makeArguments();
          args[i] = make();
          return args;
        },
      ]);
    }
  }
  return all;
};

const callWrongly = async ({ path: name, call }, makeArguments) => {
  const seen = [];
  for (const [what, makeWrong] of variants(makeArguments))
    seen.push([`${name}: ${what}`, await outcomeOf(() => call(...makeWrong()), false)]);
  return seen;
};

const makeStore = async ({ api, dir }) => {
  const store = api.initSwingStore(dir, { keepSnapshots: true });
  await prepare(store);
  return store;
};

/** Work that must succeed after all of these calls. */
const goOn = async (env, store) => {
  const seen = [];
  const { kvStore } = store.kernelStorage;
  seen.push(
    ['set afterwards', await outcomeOf(() => kvStore.set('still', 'alive'))],
    ['commit afterwards', await outcomeOf(store.hostStorage.commit)],
    ['close afterwards', await outcomeOf(store.hostStorage.close)],
    ['verify afterwards', await errorsOf(env)],
  );
  return seen;
};

/** The distinct methods of a store: a sub-store's methods are the same in every facet, except for the keys they accept. */
const distinct = methods => {
  const seen = new Set();
  return methods.filter(({ recipe, facet }) => {
    const key = recipe.startsWith('kvStore') ? `${facet}.${recipe}` : recipe;
    return seen.has(key) ? false : seen.add(key);
  });
};

const wrongCallsOfStore = async env => {
  const seen = [];
  let store = await makeStore(env);
  const methods = distinct(methodsOfStore(store)).filter(({ path: name }) => !/\.close$/.test(name));
  await store.hostStorage.close();
  for (const { path: name, recipe, facet } of methods) {
    store = await makeStore(env);
    const method = methodsOfStore(store).find(found => found.path === name);
    const outcomes = await callWrongly(method, () => storeRecipes[recipe]({ facet }));
    const after = await goOn(env, store);
    seen.push(...outcomes, ...after.map(([what, outcome]) => [`${what}: ${name}`, outcome]));
  }
  return seen;
};

const wrongCallsOfReaders = async env => {
  const store = await makeStore(env);
  await store.hostStorage.close();
  const exporter = env.api.makeSwingStoreExporter(env.dir, { artifactMode: 'debug' });
  const history = env.api.openSwingStoreHistory(env.dir);
  const db = new env.api.Database(path.join(env.dir, 'swingstore.sqlite'), { readonly: true });
  const statement = db.prepare('SELECT key FROM kvStore');
  const seen = [];
  for (const [parent, object, recipes] of [
    ['exporter', exporter, exporterRecipes],
    ['history', history, historyRecipes],
    ['statement', statement, statementRecipes],
  ]) {
    for (const method of methodsOf(parent, object)) {
      const { recipe } = method;
      if (!recipes[recipe]) throw Error(`the method ${recipe} has no recipe: see valid-calls.mjs`);
      if (!recipe.endsWith('.close')) seen.push(...(await callWrongly(method, recipes[recipe])));
    }
  }
  // Values bound by position, in an array and by name; and bytes in place of a database.
  const bound = db.prepare('SELECT ? AS value');
  const named = db.prepare('SELECT :value AS value');
  for (const [what, make] of Object.entries(hostileChunks)) {
    seen.push(
      [`bound: ${what}`, await outcomeOf(() => bound.get(make()))],
      [`bound in an array: ${what}`, await outcomeOf(() => bound.all([make()]))],
      [`bound by name: ${what}`, await outcomeOf(() => [...named.iterate({ value: make() })])],
      [`prepared: ${what}`, await outcomeOf(() => db.prepare(make()))],
      [
        `a database of bytes: ${what}`,
        await outcomeOf(() => new env.api.Database(Buffer.isBuffer(make()) ? make() : Buffer.alloc(0))),
      ],
      [`serialized: ${what}`, await outcomeOf(() => env.api.initSwingStore(null, { serialized: make() }))],
    );
  }
  await exporter.close();
  await history.close();
  db.close();
  seen.push(['verify afterwards', await errorsOf(env)]);
  return seen;
};

/** The paths for the calls of exported functions. */
export const placesIn = async ({ api, base, dir }) => {
  const store = await makeStore({ api, dir });
  await store.hostStorage.close();
  const from = path.join(base, 'from');
  await api.exportSwingStoreToDirectory(dir, from, { artifactMode: 'debug' });
  return {
    dir,
    from,
    made: path.join(base, 'made'),
    file: path.join(base, 'made', 'some.sqlite'),
    powers: { fs, path, tmp },
    exporter: () => api.makeSwingStoreExporter(dir, { artifactMode: 'debug' }),
    db: () => new api.Database(':memory:'),
  };
};

export const exportedFunctions = api => methodsOf('api', { ...api, default: undefined });

const wrongCallsOfExports = async env => {
  const places = await placesIn(env);
  const seen = [];
  for (const method of exportedFunctions(env.api)) {
    const makeArguments = exportRecipes[method.recipe];
    if (!makeArguments) throw Error(`${method.recipe} has no recipe: see valid-calls.mjs`);
    for (const [what, makeWrong] of variants(() => makeArguments(places))) {
      fs.rmSync(places.made, { recursive: true, force: true });
      if (method.recipe === 'api.Database') fs.mkdirSync(places.made);
      seen.push([`${method.path}: ${what}`, await outcomeOf(() => method.call(...makeWrong()))]);
    }
    seen.push([`verify afterwards: ${method.path}`, await errorsOf(env)]);
  }
  return seen;
};

/** The functions that take a stream. */
const takers = {
  saveSnapshot:
    ({ store }) =>
    stream =>
      store.kernelStorage.snapStore.saveSnapshot('v1', 9, stream()),
  populateSnapshot:
    ({ store }) =>
    stream =>
      store.internal.snapStore.populateSnapshot('snapshot.v7.2', stream, { artifactMode: 'debug' }),
  populateTranscriptSpan:
    ({ store }) =>
    stream =>
      store.internal.transcriptStore.populateTranscriptSpan('transcript.v7.0.2', stream, { artifactMode: 'debug' }),
  importBundle:
    ({ store, recipes }) =>
    stream =>
      store.internal.bundleStore.importBundle(...recipes, stream),
  importSwingStore:
    ({ env, exporter }) =>
    stream =>
      env.api.importSwingStore({ ...exporter, getArtifact: stream, async close() {} }, path.join(env.base, 'made')),
  'exportData of importSwingStore':
    ({ env, exporter }) =>
    stream =>
      env.api.importSwingStore({ ...exporter, getExportData: stream, async close() {} }),
  'names of importSwingStore':
    ({ env, exporter }) =>
    stream =>
      env.api.importSwingStore({ ...exporter, getArtifactNames: stream, async close() {} }),
  repopulateSwingStore:
    ({ env, exporter }) =>
    stream =>
      env.api.repopulateSwingStore(
        { ...exporter, getArtifact: stream, async close() {} },
        path.join(env.base, 'pruned'),
      ),
  'names of repopulateSwingStore':
    ({ env, exporter }) =>
    stream =>
      env.api.repopulateSwingStore(
        { ...exporter, getArtifactNames: stream, async close() {} },
        path.join(env.base, 'pruned'),
      ),
};

/** Tries each wrong chunk alone, after a valid one, and from an async generator; and each wrong stream. */
const streams = () => {
  const all = Object.entries(hostileStreams).map(([what, make]) => [what, () => make()]);
  for (const [what, make] of Object.entries(hostileChunks)) {
    all.push(
      [`${what} in an array`, () => [make()]],
      [
        `${what} from a generator`,
        async function* stream() {
          yield Buffer.from('one\n');
          yield make();
        },
      ],
    );
  }
  return all;
};

const wrongStreams = async env => {
  const { api, base, dir } = env;
  const seen = [];
  await placesIn(env);
  const pruned = path.join(base, 'pruned');
  fs.cpSync(dir, pruned, { recursive: true });
  await api.pruneSwingStore(pruned, { keep: 'operational' });
  const exporter = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
  const recipes = storeRecipes['bundleStore.importBundle']().slice(0, 1);
  for (const [taker, make] of Object.entries(takers)) {
    const own = path.join(base, 'own');
    const store = await makeStore({ api, dir: own });
    store.internal.bundleStore.importBundleRecord(...storeRecipes['bundleStore.importBundleRecord']());
    const take = make({ store, env, exporter, recipes });
    for (const [what, stream] of streams()) seen.push([`${taker}: ${what}`, await outcomeOf(() => take(stream))]);
    // Only now is the store complete.
    if (taker === 'saveSnapshot') seen.push(['a right snapshot', await outcomeOf(() => take(() => [image]))]);
    const after = await goOn({ api, dir: own }, store);
    seen.push(...after.map(([what, outcome]) => [`${what}: ${taker}`, outcome]));
  }
  await exporter.close();
  seen.push(['verify afterwards: what was repopulated', await errorsOf({ api, dir: pruned })]);
  return seen;
};

export const wrong = {
  "wrong arguments of a store's methods": wrongCallsOfStore,
  'wrong arguments of exporters, histories and statements': wrongCallsOfReaders,
  'wrong streams': wrongStreams,
  'wrong arguments of exported functions': wrongCallsOfExports,
};
