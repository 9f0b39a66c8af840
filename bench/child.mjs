/**
 * One run of one phase, in a process of its own: started by `run.mjs`, which sends a job and gets the figures.
 * Both implementations run under the lockdown that the reference needs.
 */
import '@endo/init';
import { load } from './lib/implementations.mjs';
import { makeMeter } from './lib/meter.mjs';
import { loadPhase } from './lib/phases.mjs';

const doJob = async ({ role, phase: name, implementation, scale, input, store, scratch }) => {
  const phase = await loadPhase(name);
  const api = await load(implementation);
  const { measure, figures } = makeMeter(Boolean(phase.stalls));
  const size = whole => Math.max(1, Math.round(whole * scale));
  const context = { api, input, store, scratch, size, measure };
  if (role === 'prepare') {
    await phase.prepare(context);
    return {};
  }
  const { work, figures: more = {} } = await phase.run(context);
  if (!figures()) throw Error(`phase ${name} measured nothing`);
  return { ...figures(), more, work: JSON.stringify(work) };
};

// Without whoever wants the result there is no point in going on.
process.once('disconnect', () => process.exit(1));
process.once('message', async job => {
  try {
    const result = await doJob(job);
    process.send({ result }, () => process.exit(0));
  } catch (error) {
    process.send({ error: error?.stack ?? String(error) }, () => process.exit(1));
  }
});
