// The same ledger under another bundle ID: the one that is installed while the
// chain runs.

export { buildRootObject } from './ledger.js';

export const edition = 'next';
