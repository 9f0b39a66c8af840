// The names of the two implementations in the names of stores, files and checks.

export const sides = ['ours', 'reference'];

export const other = { ours: 'reference', reference: 'ours' };
