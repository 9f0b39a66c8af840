/** Loads a swing-store package by name: ours, or the reference, which needs SES to be set up first. */

export const ours = 'swing-store-native';
export const reference = '@agoric/swing-store';

export const load = async name => {
  if (name === reference) await import('@endo/init');
  return import(name);
};
