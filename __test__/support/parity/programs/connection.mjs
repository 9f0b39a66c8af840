// One of several processes that use one store: executes commands of its parent and returns the outcomes.
import '@endo/init/debug.js';

import process from 'node:process';

import { reference, subject } from '../../common/implementations.mjs';
import { makeActor } from '../connections.mjs';

const implementations = { reference, subject };
let actor;

process.on('message', async ({ id, what, args }) => {
  let reply;
  try {
    if (what === 'make') {
      const [implementation, ...others] = args;
      actor = makeActor(implementations[implementation], ...others);
    } else {
      reply = await actor[what](...args);
    }
    process.send({ id, reply });
  } catch (error) {
    process.send({ id, failure: error.stack });
  }
});
