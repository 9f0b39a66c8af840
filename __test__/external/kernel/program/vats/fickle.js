// Does some work, keeps its arguments, and fails on request: its last delivery is
// rolled back and the vat is terminated.

import { Far } from '@endo/far';
import { makeScalarBigMapStore } from '@agoric/vat-data';

export const buildRootObject = (vatPowers, _vatParameters, baggage) => {
  const store = makeScalarBigMapStore('store', { durable: true });
  baggage.init('store', store);
  let held = [];

  return Far('fickle root', {
    work: (from, count) => {
      for (let i = from; i < from + count; i += 1) {
        store.init(`key ${i}`, `value ${i} `.repeat(20));
      }
      return store.getSize();
    },
    hold: objects => {
      held = [...held, ...objects];
      return held.length;
    },
    drop: () => {
      const count = held.length;
      held = [];
      return count;
    },
    fail: reason => {
      store.init('never seen', 'because this delivery is rolled back');
      vatPowers.exitVatWithFailure(harden(Error(reason)));
      return 'never returned';
    },
  });
};
