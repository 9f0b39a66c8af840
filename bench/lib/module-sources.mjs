/** Source text as in vats: modules of the packages that every contract bundles. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));

const scoped = scope =>
  readdirSync(path.join(packages, scope))
    .sort()
    .map(name => path.join(scope, name));

const modulesIn = dir =>
  existsSync(dir)
    ? readdirSync(dir, { withFileTypes: true })
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .flatMap(entry => {
          const file = path.join(dir, entry.name);
          if (entry.isDirectory()) return modulesIn(file);
          return entry.name.endsWith('.js') ? [readFileSync(file)] : [];
        })
    : [];

let sources;

/** @returns {Buffer[]} the modules, in an order independent of the file system */
export const moduleSources = () =>
  (sources ??= ['ses', ...scoped('@endo'), ...scoped('@agoric')]
    .flatMap(name => modulesIn(path.join(packages, name, 'src')))
    .filter(source => source.length > 0));
