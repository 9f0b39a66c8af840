/**
 * Generates the manifests of the other packages from the main `package.json` and the table of platforms. The version is
 * only in `package.json`; a test checks that Cargo.toml has the same.
 *
 *     npm run packages            writes the files
 *     npm run packages -- --check only lists outdated files, and fails if there are any
 */
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { addonSources } from '../sources.mjs';
import { platforms } from './platforms.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The name of the file, in `npm/` and in the packages, that lists the binary's components and their licences. */
export const NOTICES = 'THIRD-PARTY-LICENSES.txt';

/** The main package's manifest. */
export const main = () => JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

const packageJson = ({ name, version, license, engines }, platform) => {
  const file = `${name}.${platform.name}.node`;
  return {
    name: `${name}-${platform.name}`,
    version,
    description: `The binary of ${name} for ${platform.target}`,
    license,
    type: 'commonjs',
    main: file,
    files: [file, NOTICES],
    engines: { node: engines.node },
    os: [platform.os],
    cpu: [platform.cpu],
    ...(platform.libc && { libc: [platform.libc] }),
  };
};

const readme = ({ name }, platform) =>
  `# ${name}-${platform.name}\n\n` +
  `The binary of \`${name}\` for \`${platform.target}\`. ` +
  `npm installs it together with that package on matching platforms.\n`;

/** The files that Cargo needs to build the addon. The manifest names a benchmark, so that its files are needed, too. */
export const cargoFiles = [...addonSources, 'benches'];

/** The source package's manifest: written by hand, except for the fields that all packages share. */
const sourceJson = ({ version, license, type, engines }) => {
  const written = JSON.parse(readFileSync(path.join(root, 'npm', 'source', 'package.json'), 'utf8'));
  return { ...written, version, license, type, files: ['index.js', 'build.mjs', 'advice.mjs', ...cargoFiles], engines };
};

/** The required contents of each file, by its path in the project. */
export const files = () => {
  const from = main();
  const json = value => `${JSON.stringify(value, null, 2)}\n`;
  return new Map([
    ...platforms.flatMap(platform => [
      [`npm/${platform.name}/package.json`, json(packageJson(from, platform))],
      [`npm/${platform.name}/README.md`, readme(from, platform)],
    ]),
    ['npm/source/package.json', json(sourceJson(from))],
  ]);
};

const read = file => {
  try {
    return readFileSync(path.join(root, file), 'utf8');
  } catch {
    return undefined;
  }
};

/** The files with other contents. */
export const outOfDate = () => [...files()].filter(([file, text]) => read(file) !== text).map(([file]) => file);

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
  const stale = outOfDate();
  const texts = files();
  for (const file of stale) {
    if (!values.check) {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), texts.get(file));
    }
    console.log(`${values.check ? 'out of date' : 'written'}: ${file}`);
  }
  if (values.check && stale.length > 0) process.exitCode = 1;
}
