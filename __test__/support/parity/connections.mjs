// Several connections to one store, in this process and in others, which write in turn and read at any time.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { attempt } from '../common/outcome.mjs';
import { operations } from './runner.mjs';
import { makeWorld } from '../common/world.mjs';

const program = fileURLToPath(new URL('programs/connection.mjs', import.meta.url));

/** A connection in this process. Its methods return the outcome of a call as plain data. */
export const makeActor = (impl, dir, config) => {
  const world = makeWorld(impl, dir, config);
  return {
    init: () => attempt(() => world.init(), world.tidy),
    open: () => attempt(() => world.open(), world.tidy),
    close: () => attempt(() => world.close(), world.tidy),
    async do([name, ...args]) {
      const outcome = await attempt(() => operations[name](world, ...args), world.tidy);
      return { ...outcome, events: world.takeEvents() };
    },
    end: async () => {},
  };
};

/**
 * Starts a process that opens connections, one at a time.
 *
 * @param {Record<string, string>} [env]
 */
export const startProcess = (env = {}) => {
  const child = fork(program, [], { serialization: 'advanced', env: { ...process.env, ...env } });
  const waiting = new Map();
  let last = 0;
  child.on('message', ({ id, reply, failure }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (failure) reject(Error(failure));
    else resolve(reply);
  });
  child.on('exit', code => {
    for (const { reject } of waiting.values()) reject(Error(`a process with a connection ended, with code ${code}`));
  });
  const ask = (what, ...args) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      child.send({ id: last, what, args });
    });
  return {
    /** Opens a connection in that process; `implementation` is `subject` or `reference`. */
    async makeActor(implementation, dir, config) {
      await ask('make', implementation, dir, config);
      return Object.fromEntries(['init', 'open', 'close', 'do'].map(what => [what, (...args) => ask(what, ...args)]));
    },
    async end() {
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
};
