/** The command line without Node.js: the archives, the Debian package and the image have all of its features and files. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

import { cargoFiles } from '../../scripts/release/packages.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (...parts) => readFileSync(path.join(root, ...parts), 'utf8');

test('every recipe of the program has all features but that of Node.js', t => {
  const manifest = read('Cargo.toml');
  const listOf = name =>
    RegExp(`^${name} = \\[(.*)\\]$`, 'm')
      .exec(manifest)[1]
      .match(/(?<=")[^"]+(?=")/g);
  const wanted = listOf('default').filter(name => name !== 'node');
  for (const [file, expected] of [
    ['Containerfile', 1],
    ['README.md', 1],
    ['docs/reference/cli.md', 1],
    ['scripts/release/program.mjs', 1],
    ['.github/workflows/ci.yml', 1],
  ]) {
    const lists = [...read(file).matchAll(/--no-default-features'?,? '?--features'?,? '?([\w,]+)/g)];
    t.is(lists.length, expected, file);
    for (const [, list] of lists) {
      const features = new Set(list.split(',').flatMap(name => [name, ...listOf(name)]));
      t.deepEqual(
        wanted.filter(name => !features.has(name)),
        [],
        `${file}: ${list}`,
      );
      t.false(features.has('node'), file);
    }
  }
});

test('the image is built from files that exist, and from all that cargo needs', t => {
  const lines = read('Containerfile').split('\n');
  const copied = lines
    .filter(line => /^COPY (?!--from)/.test(line))
    .flatMap(line => line.split(/\s+/).slice(1, -1))
    .filter(file => file !== 'LICENSE');
  for (const file of [...copied, 'LICENSE']) t.true(existsSync(path.join(root, file)), file);
  t.deepEqual(
    cargoFiles.filter(file => !copied.some(one => file === one || file.startsWith(`${one}/`))),
    [],
  );
  const sent = read('.dockerignore').match(/(?<=^!).*$/gm);
  t.deepEqual(sent.sort(), [...copied, 'LICENSE'].sort());
});

test('the image has the certificates that https needs, and a directory for temporary files', t => {
  const text = read('Containerfile');
  t.regex(text, /^COPY --from=build \/etc\/ssl\/certs\/ca-certificates\.crt \/etc\/ssl\/certs\/ca-certificates\.crt$/m);
  t.regex(text, /^WORKDIR \/tmp$/m);
});
