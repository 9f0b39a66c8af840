// Long work whose callers abort it or call other functions from its callbacks. Tries the common options on each function
// that takes them.
import fs from 'node:fs';
import { describeError, outcomeNow, outcomeOf } from './describe-outcome.mjs';
import { exportRecipes, historyRecipes } from './valid-calls.mjs';
import { callsOf, isClose } from './situations.mjs';
import { errorsOf, exportedFunctions, placesIn } from './wrong-arguments.mjs';
import { methodsOf } from './methods.mjs';

const isOptions = value =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const TAKES_NO_OPTIONS = ['initSwingStore', 'openSwingStore', 'makeSwingStoreExporter', 'importSwingStore', 'Database'];

/** The functions of the package and of a history that take `signal` and `onProgress`. */
const jobsOf = ({ api }, places, history) => {
  const functions = exportedFunctions(api)
    .filter(({ recipe }) => /Swing/.test(recipe) && !TAKES_NO_OPTIONS.includes(recipe.slice(4)))
    .map(({ path, call, recipe }) => ({ path, call, makeArguments: () => exportRecipes[recipe](places) }));
  const questions = methodsOf('history', history)
    .filter(({ recipe }) => !/read|listSnapshots/.test(recipe))
    .map(({ path, call, recipe }) => ({ path, call, makeArguments: historyRecipes[recipe] }));
  return [...functions, ...questions]
    .map(job => ({ ...job, at: job.makeArguments().findLastIndex(isOptions) }))
    .filter(({ at }) => at >= 0)
    .map(({ path, call, makeArguments, at }) => ({
      path,
      run(options) {
        const args = makeArguments();
        args[at] = { ...args[at], ...options };
        return call(...args);
      },
    }));
};

const stop = Error('stop');

/** The number of calls of an `onProgress` that throws or aborts differs between runs. */
const impatience = {
  'aborted before': run => run({ signal: AbortSignal.abort(stop) }),
  'aborted at once': run => {
    const controller = new AbortController();
    const running = run({ signal: controller.signal });
    controller.abort(stop);
    return running;
  },
  'aborted by what is no error': run => run({ signal: AbortSignal.abort(7) }),
  'aborted a little later': run => run({ signal: AbortSignal.timeout(2) }),
  'aborted by its own progress': run => {
    const controller = new AbortController();
    return run({ signal: controller.signal, onProgress: () => controller.abort(stop) });
  },
  'with a progress that throws': run =>
    run({
      onProgress() {
        throw stop;
      },
    }),
  'with a progress that throws what is no error': run =>
    run({
      onProgress() {
        throw undefined;
      },
    }),
  'with a progress that is none': run => run({ onProgress: 7 }),
  'with a signal that is none': run => run({ signal: { aborted: false, addEventListener() {} } }),
  'with a progress that promises to fail': run => run({ onProgress: () => ({ then: 7 }) }),
  'twice at once': run => Promise.allSettled([run({}), run({})]).then(all => all.map(({ status }) => status)),
};

const impatient = async env => {
  const { api, dir } = env;
  const places = await placesIn(env);
  const history = api.openSwingStoreHistory(dir);
  const seen = [];
  for (const { path, run } of jobsOf(env, places, history)) {
    for (const [what, lose] of Object.entries(impatience)) {
      fs.rmSync(places.made, { recursive: true, force: true });
      seen.push([`${path}, ${what}`, await outcomeOf(() => lose(run))]);
    }
  }
  await history.close();
  seen.push(['verify afterwards', await errorsOf(env)]);
  return seen;
};

/** Calls everything that an open store on the same file can do, once, from the first `onProgress` of each job. */
const fromProgress = async env => {
  const { api, dir, base } = env;
  const places = await placesIn(env);
  const history = api.openSwingStoreHistory(dir);
  const seen = [];
  for (const { path, run } of jobsOf(env, places, history)) {
    // It writes, so that the store may refuse the job the lock, but not forever.
    const store = api.openSwingStore(`${base}/store`, { keepSnapshots: true });
    fs.rmSync(places.made, { recursive: true, force: true });
    const later = [];
    let called = false;
    const onProgress = () => {
      if (called) return;
      called = true;
      for (const call of callsOf(store)) if (!isClose(call)) later.push([call.name, outcomeNow(call.call)]);
      later.push(['commit', outcomeNow(store.hostStorage.commit)]);
    };
    const ended = await outcomeOf(() => run({ onProgress }));
    for (const [name, outcome] of later) seen.push([`${name} from ${path}`, await outcome()]);
    seen.push([path, ended], [`close after ${path}`, await outcomeOf(store.hostStorage.close)]);
  }
  await history.close();
  seen.push(['verify afterwards', await errorsOf(env)]);
  return seen;
};

const never = () => new Promise(() => {});

/** Exporters that never answer: the caller's signal ends the wait; without a signal, nothing keeps the process alive. */
const noAnswer = async env => {
  const { api, dir } = env;
  const places = await placesIn(env);
  const seen = [];
  const exporters = ['getArtifactNames', 'getArtifact'].map(what => [
    what,
    { ...places.exporter(), [what]: () => ({ [Symbol.asyncIterator]: () => ({ next: never }) }) },
  ]);
  await api.pruneSwingStore(dir, { keep: 'operational' });
  for (const [what, exporter] of exporters) {
    const signal = AbortSignal.timeout(50);
    seen.push([
      `repopulate, ${what}`,
      await outcomeOf(() => api.repopulateSwingStore(exporter, dir, { signal, artifactMode: 'debug' })),
    ]);
  }
  const store = api.openSwingStore(dir);
  const saving = store.kernelStorage.snapStore.saveSnapshot('v1', 2, {
    [Symbol.asyncIterator]: () => ({ next: never }),
  });
  saving.catch(error => seen.push(['saveSnapshot', `fails: ${describeError(error)}`]));
  seen.push(['close while a stream does not answer', await outcomeOf(store.hostStorage.close)]);
  const { exporter } = places;
  api
    .importSwingStore(
      { ...exporter(), getExportData: () => ({ [Symbol.asyncIterator]: () => ({ next: never }) }) },
      places.made,
    )
    .catch(() => {});
  seen.push(['verify afterwards', await errorsOf(env)]);
  return seen;
};

export const jobs = {
  'long work, impatiently': impatient,
  'everything from the progress of long work': fromProgress,
  'exporters and streams that do not answer': noAnswer,
};
