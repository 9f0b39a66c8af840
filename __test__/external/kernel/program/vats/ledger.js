// Keeps accounts in durable collections, so that each message makes many
// writes and reads of the kernel's key-value store, and survives upgrades.

import { E, Far } from '@endo/far';
import { makeScalarBigMapStore } from '@agoric/vat-data';

export const buildRootObject = (_vatPowers, { edition }, baggage) => {
  const provide = (name, make) => {
    if (!baggage.has(name)) baggage.init(name, make());
    return baggage.get(name);
  };
  const accounts = provide('accounts', () => makeScalarBigMapStore('accounts', { durable: true }));
  const incarnations = provide('incarnations', () => 0) + 1;
  baggage.set('incarnations', incarnations);

  // An upgrade loses these, a snapshot keeps them, so a wrong restart is visible.
  const inMemory = [];

  return Far('ledger root', {
    open: (prefix, count) => {
      for (let i = 0; i < count; i += 1) {
        // Names beyond ASCII: their order and length depend on the encoding.
        accounts.init(`${prefix} ${i} é☃😀`, i);
      }
      inMemory.push(prefix);
      return accounts.getSize();
    },
    add: amount => {
      let total = 0;
      for (const [name, balance] of accounts.entries()) {
        accounts.set(name, balance + amount);
        total += balance + amount;
      }
      return total;
    },
    close: prefix => {
      let closed = 0;
      for (const name of [...accounts.keys()]) {
        if (name.startsWith(prefix)) {
          accounts.delete(name);
          closed += 1;
        }
      }
      return closed;
    },
    report: () =>
      [
        `edition ${edition}`,
        `incarnation ${incarnations}`,
        `${accounts.getSize()} accounts`,
        `${inMemory.length} in memory`,
      ].join(', '),
    /** Leaves references in another vat. */
    leaveObjects: async (other, count) => {
      const objects = [];
      for (let i = 0; i < count; i += 1) {
        objects.push(Far(`object ${i}`, { number: () => i }));
      }
      return E(other).hold(harden(objects));
    },
  });
};
