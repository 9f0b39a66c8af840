// The systemd units: the commands that the timers start run with the options of their files, on a store.
import test from 'ava';

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import * as api from '../../index.mjs';
import { runCli } from '../support/common/cli.mjs';
import { makeHistoryStore } from '../support/common/history-store.mjs';
import { inTempDir } from '../support/common/world.mjs';

const units = fileURLToPath(new URL('../../systemd', import.meta.url));
const read = name => fs.readFileSync(path.join(units, name), 'utf8').replaceAll('\r\n', '\n');
const timers = fs.readdirSync(units).filter(name => name.endsWith('.timer'));

/** The command that a timer starts, and the options in its file. */
const commandOf = timer => {
  const [, command] = /^Unit=swing-store@([a-z-]+)\.service$/m.exec(read(timer));
  const [, args] = /^ARGS=(.*)$/m.exec(read(`env/${command}.env`));
  return { command, args: args.split(' ') };
};

test('each timer starts the command of its name, with a file of options', t => {
  t.deepEqual(
    timers,
    ['archive', 'compact', 'metrics', 'prune', 'verify'].map(name => `swing-store-${name}.timer`),
  );
  for (const timer of timers) t.is(`swing-store-${commandOf(timer).command}.timer`, timer);
  t.deepEqual(
    fs.readdirSync(path.join(units, 'env')),
    timers.map(timer => `${commandOf(timer).command}.env`),
  );
  t.regex(read('swing-store@.service'), /^ExecStart=\/usr\/bin\/swing-store %i --progress none \$ARGS$/m);
  // History is not deleted unless it was archived.
  t.regex(read('swing-store@prune.service.d/archive.conf'), /^Requires=swing-store@archive\.service$/m);
  t.regex(read('swing-store@prune.service.d/archive.conf'), /^After=swing-store@archive\.service$/m);
});

test('the commands run on a store, and prune nothing that was not archived', async t => {
  await inTempDir(async base => {
    const store = path.join(base, 'data', 'agoric');
    fs.mkdirSync(store, { recursive: true });
    await makeHistoryStore(api, store);
    const archive = path.join(base, 'archive');
    for (const timer of timers) {
      const { command, args } = commandOf(timer);
      const given = args.map(arg =>
        arg.replace('/var/backups/swing-store', archive).replace('/var/lib/prometheus/node-exporter', base),
      );
      const options = { env: { AG_CHAIN_COSMOS_HOME: base } };
      const { code, stderr } = await runCli([command, '--progress', 'none', ...given], options);
      t.is(code, 0, `${command}: ${stderr}`);
    }
    t.regex(fs.readFileSync(path.join(base, 'swing-store.prom'), 'utf8'), /^swing_store_spans\{/m);
    const { missing } = await api.repopulateSwingStoreFromDirectory(archive, store, { artifactMode: 'debug' });
    t.deepEqual(missing, []);
  });
});

const analyze = spawnSync('systemd-analyze', ['--version']).status === 0 ? test : test.skip;

analyze('systemd accepts the units', async t => {
  await inTempDir(async base => {
    fs.cpSync(units, base, { recursive: true });
    // The program and the manual are not installed.
    const service = path.join(base, 'swing-store@.service');
    const text = read('swing-store@.service').replace('/usr/bin/swing-store', process.execPath);
    fs.writeFileSync(service, text.replace(/^Documentation=.*$/m, ''));
    const names = [...timers, 'swing-store@verify.service', 'swing-store@prune.service'];
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...names.map(name => path.join(base, name))], {
      encoding: 'utf8',
      env: { ...process.env, SYSTEMD_UNIT_PATH: `${base}:` },
    });
    const about = stderr.split('\n').filter(line => line.includes('swing-store'));
    t.deepEqual(about, [], stderr);
    t.is(status, 0, stderr);
  });
});
