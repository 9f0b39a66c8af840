// What stores of this package have and the reference's lack. Comparisons leave it out.

/** Methods of `hostStorage`. */
export const hostAdditions = ['compactHistory', 'metrics'];
