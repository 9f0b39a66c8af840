// The two implementations that are compared, as the names of stores, files and
// checks call them.

export const sides = ['ours', 'reference'];

export const other = { ours: 'reference', reference: 'ours' };
