import { E, Far } from '@endo/far';

export const buildRootObject = () => {
  let ledger;
  return Far('bootstrap', {
    bootstrap: vats => {
      ledger = vats.ledger;
    },
    /** Work for one block. */
    block: height => E(ledger).add(`account ${height % 20}`, 1),
  });
};
