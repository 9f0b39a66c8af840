// The bundle store: random sequences, side by side.
import '@endo/init/debug.js';

import test from 'ava';
import { reference, subject } from '../support/common/implementations.mjs';
import { checkProperty } from '../support/common/property.mjs';
import { suites } from '../support/parity/suites.mjs';

const run = (t, { examples, check }, runs) => checkProperty(t, examples, x => check([subject, reference], x), { runs });

test('adding, getting and deleting', t => run(t, suites.bundles, 70));

test('fields of any type are refused with the same words', t => {
  const odd = [undefined, null, 7, 10n, true, {}, [], '', '\ud800', '["text"]', 'endoZipBase64'];
  const formats = [...odd, Symbol('format'), function format() {}, () => {}];
  const outcomes = ({ api }) => {
    const { bundleStore } = api.initSwingStore().kernelStorage;
    const add = (id, bundle) => {
      try {
        bundleStore.addBundle(id, bundle);
      } catch ({ name, message }) {
        return `${name}: ${message}`;
      }
      return 'added';
    };
    const hash = '0'.repeat(128);
    return formats.flatMap(moduleFormat => [
      add(`b0-${hash}`, { moduleFormat, source: '' }),
      ...odd.map(endoZipBase64Sha512 =>
        add(`b1-${hash}`, { moduleFormat, endoZipBase64Sha512, endoZipBase64: 'AAAA' }),
      ),
    ]);
  };
  const [expected, found] = [reference, subject].map(outcomes);
  t.deepEqual(found, expected);
  t.false(found.includes('added'));
});
