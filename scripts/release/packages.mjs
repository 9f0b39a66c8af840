/**
 * The packages beside the main one: what is made from its `package.json` and from the table of platforms. One place
 * says the version; Cargo.toml has to say the same, which a test checks.
 *
 *     npm run packages            writes them
 *     npm run packages -- --check only says which are out of date, and fails if any is
 */
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { addonSources } from '../sources.mjs';
import { platforms } from './platforms.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the binary contains of others, and under which licences; a file of that name in `npm/`, and in its packages. */
export const NOTICES = 'THIRD-PARTY-LICENSES.txt';

/** The package that is made from. */
export const main = () => JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

const packageJson = ({ name, version, license, engines }, platform) => {
  const file = `${name}.${platform.name}.node`;
  return {
    name: `${name}-${platform.name}`,
    version,
    description: `The binary of ${name} for ${platform.target}`,
    license,
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

/** What Cargo needs to build the addon; it wants the benchmark that its manifest names, too. */
export const cargoFiles = [...addonSources, 'benches'];

/** The package with the source, which is written by hand but for what it has in common with others. */
const sourceJson = ({ version, license, engines }) => {
  const written = JSON.parse(readFileSync(path.join(root, 'npm', 'source', 'package.json'), 'utf8'));
  return { ...written, version, license, files: ['index.js', 'build.mjs', 'advice.mjs', ...cargoFiles], engines };
};

/** What each file has to say, by its path in the project. */
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

/** Those that say something else. */
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
