/**
 * Packs everything that is published: the package itself, with the packages of the binaries as optional dependencies; the
 * packages of the binaries that were built; and the source package, which builds a binary on other platforms.
 *
 *     node scripts/release/pack.mjs [--out DIR] [--all] [--repository URL]
 *
 * The repository's `package.json` can't list these dependencies, because `npm ci` would look for an unpublished version.
 * With `--all`, fails unless the binaries of all platforms exist, and the licences of their components:
 *
 *     cargo about generate about.hbs --output-file npm/THIRD-PARTY-LICENSES.txt
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { npm } from '../npm.mjs';
import { NOTICES, cargoFiles, main, outOfDate } from './packages.mjs';
import { platforms } from './platforms.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

const writeJson = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** The files of the package, without a binary that was built next to them. */
const listed = () => {
  const [{ files }] = JSON.parse(npm(root, 'pack', '--dry-run', '--json', '--ignore-scripts'));
  return files.map(file => file.path).filter(file => !file.endsWith('.node'));
};

/** The fields that say where a package comes from, which npm requires for publishing with provenance. */
const origin = repository =>
  repository
    ? {
        repository: { type: 'git', url: `git+${repository}.git` },
        homepage: `${repository}#readme`,
        bugs: { url: `${repository}/issues` },
      }
    : {};

/** The main package's manifest: with the binaries' packages as optional dependencies, without development fields. */
const stageMain = (directory, repository) => {
  for (const file of listed()) cpSync(path.join(root, file), path.join(directory, file));
  const { scripts: _scripts, devDependencies: _dev, ava: _ava, allowScripts: _allow, ...from } = main();
  const optionalDependencies = Object.fromEntries(platforms.map(({ name }) => [`${from.name}-${name}`, from.version]));
  writeJson(path.join(directory, 'package.json'), { ...from, ...origin(repository), optionalDependencies });
};

/** The path of a platform's binary as `build.mjs` builds it. */
const builtBinary = ({ name }) => path.join(root, 'npm', name, `${main().name}.${name}.node`);

/** The file with the licences of the binaries' components, if it exists. */
const notices = path.join(root, 'npm', NOTICES);

/** Lays out the package of a platform's binary. */
const stageBinary = (directory, platform, binary, repository) => {
  const from = path.join(root, 'npm', platform.name);
  cpSync(path.join(from, 'README.md'), path.join(directory, 'README.md'));
  cpSync(binary, path.join(directory, `${main().name}.${platform.name}.node`));
  cpSync(path.join(root, 'LICENSE'), path.join(directory, 'LICENSE'));
  if (existsSync(notices)) cpSync(notices, path.join(directory, NOTICES));
  const packageJson = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8'));
  writeJson(path.join(directory, 'package.json'), { ...packageJson, ...origin(repository) });
};

/** Lays out the source package. */
const stageSource = (directory, repository) => {
  const from = path.join(root, 'npm', 'source');
  cpSync(from, directory, { recursive: true });
  cpSync(path.join(root, 'LICENSE'), path.join(directory, 'LICENSE'));
  cpSync(path.join(root, 'scripts', 'advice.mjs'), path.join(directory, 'advice.mjs'));
  for (const file of cargoFiles) {
    cpSync(path.join(root, file), path.join(directory, file), { recursive: true });
  }
  const packageJson = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8'));
  writeJson(path.join(directory, 'package.json'), { ...packageJson, ...origin(repository) });
};

/**
 * @param {string} out the directory for the tarballs
 * @param {object} [options]
 * @param {boolean} [options.all] whether to fail if a platform's binary is missing
 * @param {string} [options.repository] the project's address, without `.git`
 * @param {(platform: import('./platforms.mjs').Platform) => string} [options.binary] returns the path of a platform's
 *   binary, which may not exist
 * @returns {{ name: string, file: string, size: number, unpackedSize: number }[]} sizes in bytes
 */
export const pack = (out, { all = false, repository, binary = builtBinary } = {}) => {
  const stale = outOfDate();
  if (stale.length > 0) throw new Error(`${stale.join(', ')} are out of date; run "npm run packages".`);
  const isBuilt = platform => existsSync(binary(platform));
  const missing = platforms.filter(platform => !isBuilt(platform)).map(platform => platform.name);
  if (all && missing.length > 0) {
    throw new Error(`There is no binary for ${missing.join(', ')}; build each with scripts/release/build.mjs.`);
  }
  if (all && !existsSync(notices)) {
    throw new Error(`There is no npm/${NOTICES}; write it with "cargo about generate about.hbs --output-file …".`);
  }
  mkdirSync(out, { recursive: true });
  const staging = mkdtempSync(path.join(tmpdir(), 'swing-store-pack-'));
  const packOne = (directory, stage) => {
    mkdirSync(directory);
    stage(directory);
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', realpathSync(out)];
    const [{ filename, size, unpackedSize, name: packed }] = JSON.parse(npm(directory, ...args));
    return { name: packed, file: path.join(out, filename), size, unpackedSize };
  };
  try {
    const built = platforms
      .filter(isBuilt)
      .map(platform =>
        packOne(path.join(staging, platform.name), directory =>
          stageBinary(directory, platform, binary(platform), repository),
        ),
      );
    return [
      ...built,
      packOne(path.join(staging, 'source'), directory => stageSource(directory, repository)),
      packOne(path.join(staging, 'main'), directory => stageMain(directory, repository)),
    ];
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
};

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: path.join(root, 'dist') },
      all: { type: 'boolean' },
      repository: { type: 'string' },
    },
  });
  const megabytes = bytes => `${(bytes / 1e6).toFixed(2)} MB`;
  for (const { file, size, unpackedSize } of pack(values.out, values)) {
    console.log(`${file}: ${megabytes(size)}, ${megabytes(unpackedSize)} unpacked`);
  }
}
