// Situations in which a caller may call each method. Each returns pairs of a method, or another attempt, and its outcome.
import { makeHolder } from './kernel-process.mjs';
import { methodsOf, methodsOfStore } from './methods.mjs';
import { describe, describeError, outcomeNow, outcomeOf } from './describe-outcome.mjs';
import { exporterRecipes, image, prepare, storeRecipes } from './valid-calls.mjs';

/** Sorts methods in the order of the valid calls: the implementations' own orders differ. */
export const bind = (methods, recipes) => {
  const order = Object.keys(recipes);
  for (const { path, recipe } of methods) {
    if (!order.includes(recipe)) throw Error(`the method ${path} has no recipe: see valid-calls.mjs`);
  }
  return methods
    .sort((a, b) => order.indexOf(a.recipe) - order.indexOf(b.recipe))
    .map(({ path, recipe, facet, call }) => ({ name: path, call: () => call(...recipes[recipe]({ facet })) }));
};

/** The methods of a store with their arguments, without those of the database, which differ. */
export const callsOf = (store, { databases = false } = {}) => {
  const { db, ...internal } = store.internal;
  const all = bind(methodsOfStore({ ...store, internal: databases ? { ...internal, db } : internal }), storeRecipes);
  return all.filter(({ name }) => name !== 'debug.getDatabase');
};

export const isClose = ({ name }) => name.endsWith('.close');

/** Pairs of calls, except those that would end a span without items, for which the reference's result differs. */
const twice = call => (/rolloverSpan|rolloverIncarnation/.test(call.name) ? [call] : [call, call]);

/** Takes several turns, during which a statement of the reference is busy. */
const takesTurns = ({ name }) =>
  /exportSpan|exportSnapshot|exportBundle|loadSnapshot|getArtifactNames|importBundle/.test(name);

export const one = async calls => {
  const seen = [];
  for (const { name, call } of calls) seen.push([name, await outcomeOf(call)]);
  return seen;
};

export const withStore = async ({ api, dir }, options, use) => {
  const store = api.initSwingStore(dir, { keepSnapshots: true, ...options });
  await prepare(store);
  return use(store);
};

const closing = async store => {
  const seen = [['close', await outcomeOf(() => store.hostStorage.close())]];
  return seen;
};

/** The whole state of the store afterwards. */
export const contents = async ({ api, dir }) => {
  const store = api.openSwingStore(dir);
  const said = await outcomeOf(() => store.debug.dump().kvEntries);
  await store.hostStorage.close();
  return ['the store, opened again', said];
};

/** Calls everything from a callback, once, and returns the outcomes after the call that invoked the callback. */
const reentering = (getCalls, answer) => {
  let later;
  const callback = () => {
    if (later === undefined) {
      later = [];
      for (const { name, call } of getCalls()) later.push([name, outcomeNow(call)]);
    }
    return answer;
  };
  const said = async () => {
    const seen = [];
    for (const [name, outcome] of later ?? []) seen.push([name, await outcome()]);
    return seen;
  };
  return { callback, said };
};

/** Makes a callback that does nothing until it is armed. */
const arming = () => {
  let act = () => {};
  return { arm: f => (act = f), callback: (...args) => act(...args) };
};

/** The situations that both implementations survive. */
export const shared = {
  once: env => withStore(env, {}, async store => [...(await one(callsOf(store))), await contents(env)]),

  twice: env =>
    withStore(env, {}, async store => {
      const calls = callsOf(store).flatMap(twice);
      return [...(await one(calls)), await contents(env)];
    }),

  'in a crank, twice': env =>
    withStore(env, {}, async store => {
      store.kernelStorage.startCrank();
      const calls = callsOf(store).filter(({ name }) => !/startCrank|endCrank/.test(name));
      return [...(await one(calls.flatMap(twice))), await contents(env)];
    }),

  'after close': env =>
    withStore(env, {}, async store => {
      await store.hostStorage.close();
      return one(callsOf(store));
    }),

  'after close with something uncommitted': env =>
    withStore(env, {}, async store => {
      store.kernelStorage.startCrank();
      store.kernelStorage.establishCrankSavepoint('point');
      store.kernelStorage.kvStore.set('a', 'lost');
      await store.hostStorage.close();
      return [...(await one(callsOf(store))), await contents(env)];
    }),

  'from the exportCallback of endCrank': async env => {
    const { arm, callback } = arming();
    return withStore(env, { exportCallback: callback }, async store => {
      store.kernelStorage.startCrank();
      store.kernelStorage.kvStore.set('a', 'changed');
      const calls = callsOf(store).filter(
        call => !isClose(call) && !takesTurns(call) && !/endCrank|hostStorage.commit/.test(call.name),
      );
      const { callback: reenter, said } = reentering(() => calls);
      arm(reenter);
      const ended = await outcomeOf(store.kernelStorage.endCrank);
      const seen = await said();
      const committed = await outcomeOf(store.hostStorage.commit);
      return [...seen, ['endCrank', ended], ['commit', committed], ...(await closing(store)), await contents(env)];
    });
  },

  'from the exportCallback of commit': async env => {
    const { arm, callback } = arming();
    return withStore(env, { exportCallback: callback }, async store => {
      store.kernelStorage.kvStore.set('a', 'changed');
      const calls = callsOf(store).filter(
        call => !isClose(call) && !takesTurns(call) && !/startCrank|endCrank|hostStorage.commit/.test(call.name),
      );
      const { callback: reenter, said } = reentering(() => calls);
      arm(reenter);
      const committed = await outcomeOf(store.hostStorage.commit);
      return [...(await said()), ['commit', committed], ...(await closing(store)), await contents(env)];
    });
  },

  'from an exportCallback that closes the store': async env => {
    const seen = [];
    for (const method of ['endCrank', 'commit']) {
      const { arm, callback } = arming();
      await withStore(env, { exportCallback: callback }, async store => {
        store.kernelStorage.startCrank();
        store.kernelStorage.kvStore.set('a', 'changed');
        let closed;
        arm(() => (closed = store.hostStorage.close()));
        const call = method === 'commit' ? store.hostStorage.commit : store.kernelStorage.endCrank;
        seen.push([method, await outcomeOf(call)], ['close', await outcomeOf(() => closed)]);
        seen.push(
          ['get once it is closed', await outcomeOf(() => store.kernelStorage.kvStore.get('a'))],
          await contents(env),
        );
      });
    }
    return seen;
  },

  'an exportCallback that throws': async env => {
    const { arm, callback } = arming();
    return withStore(env, { exportCallback: callback }, async store => {
      const { kernelStorage, hostStorage } = store;
      // Ours passes the same exports again, so the call is repeated while the callback succeeds.
      const unhappy = () => {
        throw Error('the callback is unhappy');
      };
      arm(unhappy);
      kernelStorage.startCrank();
      kernelStorage.kvStore.set('a', 'changed');
      const seen = [['endCrank', await outcomeOf(kernelStorage.endCrank)]];
      arm(() => {});
      seen.push(['endCrank again', await outcomeOf(kernelStorage.endCrank)]);
      arm(unhappy);
      kernelStorage.kvStore.set('b', 'changed, too');
      seen.push(['commit', await outcomeOf(hostStorage.commit)]);
      arm(() => {});
      seen.push(['commit again', await outcomeOf(hostStorage.commit)]);
      seen.push(...(await one(callsOf(store))), await contents(env));
      return seen;
    });
  },

  ...Object.fromEntries(
    [
      ['archiveTranscript', ({ transcriptStore }) => transcriptStore.rolloverSpan('v1')],
      ['archiveSnapshot', ({ snapStore }) => snapStore.saveSnapshot('v1', 9, [Buffer.from('another image')])],
    ].map(([option, cause]) => [
      `from ${option}`,
      async env => {
        const { arm, callback } = arming();
        // Ours calls it before the span has ended, the reference afterwards, which is a known difference.
        const apart = call =>
          !takesTurns(call) && !/transcriptStore|saveSnapshot|deleteVat|\.commit|debug.dump/.test(call.name);
        return withStore(env, { [option]: async () => callback() }, async store => {
          const calls = callsOf(store).filter(call => !isClose(call) && apart(call));
          const { callback: reenter, said } = reentering(() => calls);
          arm(reenter);
          const caused = await outcomeOf(() => cause(store.kernelStorage));
          const seen = await said();
          return [
            ...seen,
            [option, caused],
            ['commit', await outcomeOf(store.hostStorage.commit)],
            ...(await closing(store)),
            await contents(env),
          ];
        });
      },
    ]),
  ),

  "from a snapshot's stream": env =>
    withStore(env, {}, async store => {
      const calls = callsOf(store).filter(
        call => !isClose(call) && !/saveSnapshot|stopUsingLastSnapshot|deleteVat/.test(call.name),
      );
      const seen = [];
      async function* stream() {
        yield Buffer.from('an');
        for (const { name, call } of calls) seen.push([name, await outcomeOf(call)]);
        yield Buffer.from(' image');
      }
      const saved = await outcomeOf(() => store.kernelStorage.snapStore.saveSnapshot('v2', 30, stream()));
      return [...seen, ['saveSnapshot', saved], ...(await closing(store)), await contents(env)];
    }),

  'while another process writes': env =>
    withStore(env, {}, async store => {
      const holder = await makeHolder('reference', env.dir);
      await holder.tell('write');
      // Another test covers the waiting.
      store.debug.getDatabase().pragma('busy_timeout = 10');
      const seen = await one(callsOf(store).filter(call => !isClose(call)));
      await holder.tell('commit');
      store.kernelStorage.kvStore.set('a', 'in its turn');
      seen.push(
        ['commit', await outcomeOf(store.hostStorage.commit)],
        ['close', await outcomeOf(store.hostStorage.close)],
      );
      await holder.close();
      return [...seen, await contents(env)];
    }),

  'exporter once, and closed': env =>
    withStore(env, {}, async store => {
      await store.hostStorage.close();
      const seen = [];
      for (const artifactMode of ['operational', 'debug']) {
        const exporter = env.api.makeSwingStoreExporter(env.dir, { artifactMode });
        const calls = bind(methodsOf('exporter', exporter), exporterRecipes);
        seen.push(...(await one(calls)), ...(await one(calls.flatMap(call => [call, call]))));
      }
      return seen;
    }),

  'exporter twice, and two artifacts at once': env =>
    withStore(env, {}, async store => {
      await store.hostStorage.close();
      const exporter = env.api.makeSwingStoreExporter(env.dir, { artifactMode: 'debug' });
      const calls = bind(methodsOf('exporter', exporter), exporterRecipes).filter(call => !isClose(call));
      const seen = await one(calls.flatMap(call => [call, call]));
      const two = ['snapshot.v1.2', 'snapshot.v2.2'].map(name => outcomeOf(() => exporter.getArtifact(name)));
      seen.push(['two of getArtifact', describe(await Promise.all(two))], ['close', await outcomeOf(exporter.close)]);
      return seen;
    }),
};

/** Calls that are not awaited when the store is closed: all settle, and none causes an unhandled rejection. */
const neverAwaited = async env => {
  const seen = [];
  const names = await withStore(env, {}, async store => {
    const calls = callsOf(store, { databases: true });
    await store.hostStorage.close();
    return calls.map(({ name }) => name);
  });
  for (const name of names) {
    await withStore(env, {}, async store => {
      const { call } = callsOf(store, { databases: true }).find(found => found.name === name);
      const later = outcomeNow(call);
      const closed = await outcomeOf(store.hostStorage.close);
      seen.push([name, await later()]);
      if (!isClose({ name })) seen.push([`close after ${name}`, closed]);
    });
  }
  seen.push(await contents(env));
  return seen;
};

/** The methods that return iterators, found by calling them. */
const iteratorsOf = store =>
  callsOf(store).filter(({ name, call }) => {
    if (!/read|load|export|get|list|dump/.test(name)) return false;
    try {
      return typeof call()?.next === 'function';
    } catch {
      return false;
    }
  });

const step = iterator => outcomeOf(async () => (await iterator.next()).done);

/** Ways to use an iterator, before or after its first step. */
const iteratorHands = {
  'two at once': async ({ call }) => {
    const [first, second] = [call(), call()];
    const both = await Promise.all([outcomeOf(() => first), outcomeOf(() => second)]);
    return both[0] === both[1] ? both[0] : both;
  },
  'steps that nobody waits for': async ({ call }) => {
    const iterator = call();
    const steps = await Promise.all(Array.from({ length: 60 }, () => step(iterator)));
    return steps.at(-1);
  },
  'left half-way': async ({ call }) => {
    for await (const _ of call()) break;
    const iterator = call();
    await step(iterator);
    if (iterator.return) await outcomeOf(() => iterator.return(7));
    return step(iterator);
  },
  'thrown at': async ({ call }) => {
    const iterator = call();
    if (!iterator.throw) return 'fails: there is no throw';
    return outcomeOf(() => iterator.throw(Error('thrown in')));
  },
  'read on after a commit': async ({ call }, { kernelStorage, hostStorage }) => {
    const iterator = call();
    await step(iterator);
    kernelStorage.kvStore.set('a', 'meanwhile');
    kernelStorage.transcriptStore.addItem('v1', 'meanwhile');
    await hostStorage.commit();
    return outcomeOf(() => iterator);
  },
  'read on after a rollback': async ({ call }, { kernelStorage }) => {
    kernelStorage.startCrank();
    kernelStorage.establishCrankSavepoint('s');
    kernelStorage.transcriptStore.addItem('v1', 'in vain');
    const iterator = call();
    await step(iterator);
    kernelStorage.rollbackCrank('s');
    kernelStorage.endCrank();
    return outcomeOf(() => iterator);
  },
  'read on after a deletion': async ({ call }, { kernelStorage }) => {
    const iterator = call();
    await step(iterator);
    for (const vatID of ['v1', 'v2', 'v3', 'v4']) kernelStorage.transcriptStore.deleteVatTranscripts(vatID);
    return outcomeOf(() => iterator);
  },
  'read on after close': async ({ call }, { hostStorage }) => {
    const iterator = call();
    await step(iterator);
    await hostStorage.close();
    return outcomeOf(() => iterator);
  },
  'begun after close': async ({ call }, { hostStorage }) => {
    const iterator = call();
    await hostStorage.close();
    return outcomeOf(() => iterator);
  },
  'in a step when the store is closed': async ({ call }, { hostStorage }) => {
    const iterator = call();
    const stepping = step(iterator);
    await hostStorage.close();
    return stepping;
  },
};

const iterators = async env => {
  const seen = [];
  const names = await withStore(env, {}, async store => {
    const found = iteratorsOf(store).map(({ name }) => name);
    await store.hostStorage.close();
    return found;
  });
  for (const [hand, treat] of Object.entries(iteratorHands)) {
    for (const name of names) {
      await withStore(env, {}, async store => {
        const method = callsOf(store).find(found => found.name === name);
        seen.push([
          `${name}, ${hand}`,
          String(await treat(method, store).catch(error => `fails: ${describeError(error)}`)),
        ]);
        await store.hostStorage.close().catch(() => {});
      });
    }
  }
  return seen;
};

/** Calls everything, including asynchronous methods and those of the database, from each callback of the store. */
const fromCallbacks = async env => {
  const causes = {
    exportCallback: ({ hostStorage }) => hostStorage.commit(),
    archiveTranscript: ({ kernelStorage }) => kernelStorage.transcriptStore.rolloverSpan('v1'),
    archiveSnapshot: ({ kernelStorage }) => kernelStorage.snapStore.saveSnapshot('v1', 9, [image]),
  };
  const seen = [];
  for (const [option, cause] of Object.entries(causes)) {
    for (const ends of [false, true]) {
      const { arm, callback } = arming();
      await withStore(env, { [option]: async (...args) => callback(...args) }, async store => {
        store.kernelStorage.kvStore.set('a', 'changed');
        const calls = callsOf(store, { databases: true }).filter(call => ends || !isClose(call));
        const { callback: reenter, said } = reentering(() => calls);
        arm(reenter);
        const caused = await outcomeOf(() => cause(store));
        seen.push(...(await said()), [option, caused], ...(await closing(store)), await contents(env));
      });
    }
  }
  return seen;
};

/** Situations for ours only: the reference's process would end, or its statements are busy. */
export const own = {
  'everything from callbacks': fromCallbacks,
  'never awaited': neverAwaited,
  'iterators in various hands': iterators,
  'after close, with the database': env =>
    withStore(env, {}, async store => {
      await store.hostStorage.close();
      return one(callsOf(store, { databases: true }));
    }),
};
