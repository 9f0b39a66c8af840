// The same ledger with another bundle ID, which is installed while the chain runs.

export { buildRootObject } from './ledger.js';

export const edition = 'next';
