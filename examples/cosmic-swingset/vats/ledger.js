import { Far } from '@endo/far';
import { makeScalarBigMapStore } from '@agoric/vat-data';

export const buildRootObject = () => {
  const accounts = makeScalarBigMapStore('accounts');
  return Far('ledger', {
    add: (name, amount) => {
      const before = accounts.has(name) ? accounts.get(name) : 0;
      if (accounts.has(name)) accounts.set(name, before + amount);
      else accounts.init(name, amount);
      return before + amount;
    },
  });
};
