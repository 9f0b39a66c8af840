// Opens pages of `inspect --html` in a headless browser. Checks that they load nothing, comply with their content security
// policy, are accessible, work with the keyboard alone, and show hostile contents of a store as plain text.
//
//   node __test__/external/report/run.mjs [--work DIR] [--screenshots DIR] [--store DIR]
//
// `--work DIR` keeps the installed browser (about 160 MB) in DIR and reuses it. `--screenshots DIR` saves pictures of each
// page, light and dark, at two widths. `--store DIR` also tests the page of that store.
//
// The last line is the result; the exit code is 0 only if all checks passed.

import { mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { startTrial } from '../../support/external/trial.mjs';
import { runCli } from '../../support/common/cli.mjs';
import { install, launch } from './lib/browser.mjs';
import { lookAtPage, lookWithoutScripts, tryPolicy } from './lib/look.mjs';
import { makeStores, nasty } from './lib/stores.mjs';
import { filterAndSort, lookForHarm, useByKeyboard } from './lib/use.mjs';

/** The largest size of a page, for stores of any size. */
const MOST_BYTES = 6 * 2 ** 20;

const { values: options } = parseArgs({
  options: {
    work: { type: 'string' },
    screenshots: { type: 'string' },
    store: { type: 'string' },
  },
});
const { work, checks, progress, carryOut } = startTrial('report', options.work);
const screenshots = options.screenshots && resolve(options.screenshots);
if (screenshots) mkdirSync(screenshots, { recursive: true });

const makePage = async (name, store, args = []) => {
  const file = join(work, `${name}.html`);
  const { code, stderr } = await runCli([
    'inspect',
    '--state-dir',
    store,
    '--html',
    file,
    '--force',
    '--progress',
    'none',
    ...args,
  ]);
  checks.holds(`${name}: inspect writes a page`, code === 0 || code === 1, stderr);
  const { size } = statSync(file);
  checks.holds(`${name}: ${Math.round(size / 1024)} KiB`, size < MOST_BYTES, `more than ${MOST_BYTES} bytes`);
  return file;
};

const main = async () => {
  progress('installing a browser');
  const dir = await install(work);
  progress('creating stores and their pages');
  const stores = await makeStores(work);
  const pages = {};
  for (const [name, store] of Object.entries(stores)) pages[name] = await makePage(name, store);
  pages.one = await makePage('one', stores.plain, ['--vat', 'v6', '--no-verify']);
  if (options.store) pages.given = await makePage('given', resolve(options.store));
  const browser = await launch(dir);
  try {
    progress(`opening them in ${await browser.version()}`);
    for (const [name, file] of Object.entries(pages)) {
      const powers = { browser, checks, file, name, screenshots, nasty };
      await lookAtPage(powers);
      if (name !== 'big') await lookWithoutScripts(powers);
      if (name === 'plain') {
        await tryPolicy(powers);
        await useByKeyboard(powers);
        await filterAndSort(powers);
      }
      if (name === 'harmful') {
        await tryPolicy(powers);
        await lookForHarm(powers);
      }
    }
  } finally {
    await browser.close();
  }
};

await carryOut(main);
