// Runs jobs on a store on a read-only disk: `read-only-disk.mjs DIR`. Prints the errors.
import '@endo/init/debug.js';

import path from 'node:path';
import process from 'node:process';

import { reference, subject } from '../../common/implementations.mjs';
import { ownWorks, placesIn, sharedWorks, told } from './store-jobs.mjs';

const [dir] = process.argv.slice(2);
const places = placesIn(dir);
const onStore = ['verify', 'history', 'diff', 'export', 'archive', 'prune', 'repopulate', 'reclaim', 'repair'];

const said = { reference: {}, ours: {} };
const note = async (who, work, attempt) => {
  said[who][work] = (await told(attempt)).split(path.resolve(dir)).join('DIR');
};
for (const work of ['open', 'open to read', 'exporter']) {
  for (const { name, api } of [reference, subject]) {
    await note(name, work, () => sharedWorks[work](api, places));
  }
}
for (const work of onStore) await note('ours', work, () => ownWorks[work](subject.api, places));
await note('ours', 'init', () => sharedWorks.init(subject.api, places));
console.log(JSON.stringify(said, null, 2));
