// Bundles the kernel and the vats of the scenario into one file, so that all
// runs start from the same bytes.
//
//   node bundle.mjs OUTPUT

import '@endo/init/pre-bundle-source.js';
import '@endo/init';

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { buildKernelBundles } from '@agoric/swingset-vat';
import bundleSource from '@endo/bundle-source';

const vat = name => bundleSource(fileURLToPath(new URL(`./vats/${name}.js`, import.meta.url)));

const [, , output] = process.argv;
const kernel = await buildKernelBundles();
const bundles = {
  kernel,
  bootstrap: await vat('bootstrap'),
  ledger: await vat('ledger'),
  'ledger-next': await vat('ledger-next'),
  fickle: await vat('fickle'),
};
writeFileSync(output, JSON.stringify(bundles));
