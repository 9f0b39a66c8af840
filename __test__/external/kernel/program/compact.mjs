// Compacts a store. With a third argument, compacts the store and expands a part of it in turn until a file of that name
// exists.
//
//   node compact.mjs STORE OUTPUT [STOP]

import '@endo/init';

import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { compactSwingStore, expandSwingStore, openSwingStoreHistory } from '@agoric/swing-store';

const [, , store, output, stop] = process.argv;

const blockHeight = async () => {
  const history = openSwingStoreHistory(store);
  const height = await history.getBlockHeight();
  await history.close();
  return height;
};

const compactUntilStopped = async () => {
  const heights = new Set();
  const total = { rounds: 0, compacted: 0, expanded: 0 };
  while (!existsSync(stop)) {
    const { items, damaged, incomplete } = await compactSwingStore(store);
    if (damaged.length > 0 || incomplete > 0) {
      throw Error(`${incomplete} spans are incomplete; damaged are ${damaged.join(', ') || 'none'}`);
    }
    if (items > 0) heights.add(await blockHeight());
    const expanded = await expandSwingStore(store, { limit: 30 });
    total.rounds += 1;
    total.compacted += items;
    total.expanded += expanded.items;
    await delay(20);
  }
  const last = await compactSwingStore(store);
  return { ...total, heights: [...heights], last };
};

writeFileSync(output, JSON.stringify(await (stop ? compactUntilStopped() : compactSwingStore(store))));
