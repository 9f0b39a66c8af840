/** The example of cosmic-swingset: its files name each other correctly. `npm run test:examples` runs it. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parse } from 'yaml';

import { checkCommand } from '../support/docs/commands.mjs';
import { main } from '../../scripts/release/packages.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const example = path.join(root, 'examples', 'cosmic-swingset');
const read = name => readFileSync(path.join(example, name), 'utf8');
const manifest = JSON.parse(read('package.json'));

test('npm and Yarn put the package in the place of every swing-store, with the versions of Endo that the kernel is tested with', t => {
  const { name, version } = main();
  const own = `npm:${name}@^${version}`;
  t.is(manifest.dependencies['@agoric/swing-store'], own);
  t.is(manifest.overrides['@agoric/swing-store'], own);
  t.deepEqual(manifest.resolutions, manifest.overrides);
  const { overrides } = JSON.parse(readFileSync(path.join(root, '__test__/external/kernel/package.json'), 'utf8'));
  for (const [dependency, pin] of Object.entries(overrides)) {
    if (dependency !== 'better-sqlite3') t.is(manifest.overrides[dependency], pin, dependency);
  }
  const [, standIn] = /^file:\.\/(.*)$/.exec(manifest.overrides['@agoric/builders']);
  t.is(JSON.parse(read(`${standIn}/package.json`)).name, '@agoric/builders');
});

test('the vats and the files that the image copies exist', t => {
  for (const { sourceSpec } of Object.values(JSON.parse(read('kernel.json')).vats)) {
    t.true(existsSync(path.join(example, sourceSpec)), sourceSpec);
  }
  const copies = read('Containerfile').match(/^COPY (?!--from).*$/gm);
  const copied = copies.flatMap(line => line.split(' ').slice(1, -1)).filter(file => file !== '*.tgz');
  t.true(copied.length > 4);
  for (const file of copied) t.true(existsSync(path.join(example, file)), file);
  // Everything that the chain reads is in the image.
  for (const file of ['chain.js', 'kernel.json', 'vats', 'package.json']) t.true(copied.includes(file), file);
});

test('its metrics are registered as in the example of metrics', t => {
  t.is(read('register.js'), readFileSync(path.join(root, 'examples', 'metrics', 'src', 'register.js'), 'utf8'));
});

test('the README names commands and options of swing-store that exist', async t => {
  const commands = [...read('README.md').matchAll(/^(?:npx|docker compose run --rm) (swing-store .*)$/gm)];
  t.true(commands.length > 3);
  for (const [, command] of commands) t.deepEqual(await checkCommand(command), [], command);
});

test('the services have the files and volumes that they name, and settings that the chain reads', t => {
  const { services, volumes } = parse(read('compose.yaml'));
  for (const [name, service] of Object.entries(services)) {
    for (const mount of service.volumes ?? []) {
      const [source] = mount.split(':');
      if (source.startsWith('.')) t.true(existsSync(path.join(example, source)), `${name}: ${source}`);
      else t.true(Object.hasOwn(volumes, source), `${name}: ${source}`);
    }
    if (service.build) t.true(existsSync(path.join(example, service.build.context, service.build.dockerfile)));
  }
  const settings = Object.keys(services.chain.environment);
  const program = read('chain.js');
  for (const setting of settings) t.true(program.includes(`//   ${setting} `), setting);
  const [
    {
      static_configs: [{ targets }],
    },
  ] = parse(read('prometheus.yml')).scrape_configs;
  t.deepEqual(targets, [`chain:${services.chain.environment.OTEL_EXPORTER_PROMETHEUS_PORT}`]);
});
