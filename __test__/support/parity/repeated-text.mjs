// Long values are generated as { repeat: [unit, times] }, so that failing examples stay readable.
export const expand = value =>
  typeof value === 'object' && value !== null && Array.isArray(value.repeat)
    ? value.repeat[0].repeat(value.repeat[1])
    : value;
