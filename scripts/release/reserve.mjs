/**
 * Shows which names of this project's packages are taken in npm's registry, and reserves the free ones.
 *
 *     node scripts/release/reserve.mjs              only shows the names
 *     node scripts/release/reserve.mjs --publish    publishes an empty package, version 0.0.0, under each free name
 *
 * Exits with 1 if a name belongs to another user than the one that npm is logged in as.
 */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { npm } from '../npm.mjs';
import { main } from './packages.mjs';
import { platforms } from './platforms.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The names of all packages that a release publishes. */
export const names = () => {
  const { name } = main();
  return [name, ...platforms.map(platform => `${name}-${platform.name}`), `${name}-source`];
};

/** The users who may publish under a name; `undefined` if the name is free. */
export const ownersOf = (name, run = npm) => {
  try {
    const owners = JSON.parse(run(root, 'view', name, 'maintainers', '--json'));
    return [owners].flat().map(owner => owner.name ?? String(owner).split(' ')[0]);
  } catch (error) {
    if (/E404/.test(error.message)) return undefined;
    throw error;
  }
};

/** The manifest of the empty package that reserves a name. */
export const placeholder = name => {
  const { license } = main();
  return { name, version: '0.0.0', description: `Reserved for the package of this name`, license };
};

const publish = name => {
  const directory = mkdtempSync(path.join(tmpdir(), 'swing-store-reserve-'));
  try {
    writeFileSync(path.join(directory, 'package.json'), JSON.stringify(placeholder(name)));
    npm(directory, 'publish', '--access', 'public');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { publish: { type: 'boolean' } } });
  const user = values.publish ? npm(root, 'whoami').trim() : undefined;
  for (const name of names()) {
    const owners = ownersOf(name);
    if (owners) {
      console.log(`${name}: taken, by ${owners.join(', ')}`);
      if (user && !owners.includes(user)) process.exitCode = 1;
    } else if (values.publish) {
      publish(name);
      console.log(`${name}: reserved`);
    } else {
      console.log(`${name}: free`);
    }
  }
}
