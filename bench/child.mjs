/**
 * One run of one phase, in its own process. `run.mjs` starts it, sends a job and receives the results. Both
 * implementations run under the lockdown that the reference needs.
 */
import '@endo/init';
import { createHash } from 'node:crypto';
import { dropCache } from './lib/page-cache.mjs';
import { load } from './lib/implementations.mjs';
import { makeLargeStore } from './lib/large-store.mjs';
import { makeMeter } from './lib/meter.mjs';
import { loadPhase } from './lib/phases.mjs';
import { realInputs } from './lib/real-inputs.mjs';

/** Measures OpenSSL's SHA-256 over a number of bytes. */
const timeHash = bytes => {
  const chunk = Buffer.alloc(1 << 20);
  const hash = createHash('sha256');
  const start = process.hrtime.bigint();
  for (let left = bytes; left > 0; left -= chunk.length) hash.update(chunk.subarray(0, left));
  hash.digest();
  return Number(process.hrtime.bigint() - start) / 1e9;
};

const doJob = async ({ role, phase: name, implementation, real, bytes, cold, ...job }) => {
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
      return { wall: timeHash(bytes) };
    case 'host':
      return { more: await phase.limit.host.run(context), ...figures() };
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
