/**
 * One run of one phase, in its own process. `run.mjs` starts it, sends a job and receives the results. Both
 * implementations run under the lockdown that the reference needs.
 */
import '@endo/init';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { dropCache } from './lib/page-cache.mjs';
import { load } from './lib/implementations.mjs';
import { makeLargeStore } from './lib/large-store.mjs';
import { makeMeter } from './lib/meter.mjs';
import { loadPhase } from './lib/phases.mjs';
import { realInputs } from './lib/real-inputs.mjs';

/** Measures one pass of OpenSSL's SHA-256 over the files that `hash` names. */
const timeHash = async ({ hash, repeat = 1 }, directories) => {
  const contents = await Promise.all(
    hash.map(name => {
      const [kind, file] = name.split(':');
      return readFile(path.join(directories[kind], file));
    }),
  );
  const start = process.hrtime.bigint();
  for (let i = 0; i < repeat; i += 1) for (const content of contents) createHash('sha256').update(content).digest();
  return Number(process.hrtime.bigint() - start) / 1e9;
};

const doJob = async ({ role, phase: name, implementation, real, command, cold, ...job }) => {
  const phase = await loadPhase(name);
  const api = await load(implementation);
  const { measure, figures } = makeMeter(Boolean(phase.stalls), async () => {
    if (cold) await dropCache([job.input, job.store]);
  });
  const context = { ...job, api, implementation, measure };
  switch (role) {
    case 'look':
      return { missing: phase.needs !== undefined && typeof api[phase.needs] !== 'function' };
    case 'prepare':
      await (real ? realInputs[name](context, real) : phase.input.make(context));
      return {};
    case 'large':
      await makeLargeStore(context, job.large);
      return {};
    case 'plan':
      return phase.limit.prepare(context);
    case 'hash':
      return { wall: await timeHash(command, job) };
    default: {
      const { work, units, figures: more = {} } = await phase.run(context);
      if (!figures()) throw Error(`phase ${name} measured nothing`);
      return { ...figures(), units, more, work: JSON.stringify(work) };
    }
  }
};

// Ends when the parent process has gone.
process.once('disconnect', () => process.exit(1));
process.once('message', async job => {
  try {
    const result = await doJob(job);
    process.send({ result }, () => process.exit(0));
  } catch (error) {
    // Under lockdown, a stack may lack the message.
    process.send({ error: `${error}\n${error?.stack ?? ''}` }, () => process.exit(1));
  }
});
