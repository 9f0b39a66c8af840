/** The two packages that are compared. */
import { readFile } from 'node:fs/promises';

export const ours = 'ours';
export const reference = 'reference';

const modules = {
  [ours]: new URL('../../index.mjs', import.meta.url).href,
  [reference]: '@agoric/swing-store',
};

const manifests = {
  [ours]: new URL('../../package.json', import.meta.url),
  [reference]: new URL('../../node_modules/@agoric/swing-store/package.json', import.meta.url),
};

export const load = implementation => import(modules[implementation]);

/** Names and versions, for the results. */
export const versionOf = async implementation => {
  const { name, version } = JSON.parse(await readFile(manifests[implementation], 'utf8'));
  return `${name} ${version}`;
};
