// Runs one situation: `situation.mjs ours|reference SITUATION DIR`. Prints the outcome of each call as JSON.
import process from 'node:process';
import { useLimits } from '../../small-limits.mjs';
import { tinyLimits } from '../../settings.mjs';

const [name, situation, base] = process.argv.slice(2);
process.chdir(base);
const loose = [];
process.on('unhandledRejection', error => loose.push(['unhandled rejection', `fails: ${error?.stack ?? error}`]));
process.on('uncaughtException', error => loose.push(['uncaught exception', `fails: ${error?.stack ?? error}`]));
if (name === 'reference') await import('@endo/init/debug.js');
const api = await import(name === 'reference' ? '@agoric/swing-store' : '../../../../../index.mjs');
if (name !== 'reference' && tinyLimits) useLimits('tiny');
const { own, shared } = await import('../situations.mjs');
const { jobs } = await import('../interrupted-jobs.mjs');
const { wrong } = await import('../wrong-arguments.mjs');
const seen = await { ...shared, ...own, ...jobs, ...wrong }[situation]({ api, base, dir: `${base}/store` });
await new Promise(resolve => setTimeout(resolve, 50));
const tidy = text => String(text).replaceAll(base, '<base>');
process.send(
  [...seen, ...loose].map(([what, outcome]) => [what, tidy(outcome)]),
  () => process.disconnect(),
);
