/**
 * Searches the native code for memory errors.
 *
 *     npm run check:memory              both checks
 *     npm run check:memory -- sanitizer the Rust tests under the address sanitizer, including SQLite and libdeflate;
 *                                       needs Rust's nightly toolchain
 *                                       ($SWING_STORE_NIGHTLY, such as nightly-2026-05-20)
 *     npm run check:memory -- valgrind  the addon in Node.js under valgrind, which must be installed
 *
 * Under valgrind, V8 runs without its compiler, whose output valgrind reports as errors. A finding counts if its stack has a
 * frame of the addon.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { setup } from '../../scripts/setup.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = 'x86_64-unknown-linux-gnu';

const run = (program, args, environment = {}) => {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error) throw new Error(`"${program}" could not be run: ${error.message}`);
  return status === 0;
};

const sanitizer = () => {
  // An explicit target keeps the sanitizer out of build scripts and macros.
  const nightly = process.env.SWING_STORE_NIGHTLY ?? 'nightly';
  const args = [`+${nightly}`, 'test', '--locked', '--lib', '--tests', '--no-fail-fast', '--target', target];
  return run('cargo', [...args, '--no-default-features', '--features', 'report'], {
    CARGO_TARGET_DIR: path.join(root, 'target', 'sanitizer'),
    RUSTFLAGS: '-Zsanitizer=address',
    CFLAGS: '-fsanitize=address -fno-omit-frame-pointer',
  });
};

/** The errors in a log of valgrind, each a kind and its stack. */
const errorsIn = log =>
  log
    .replaceAll(/^==\d+== ?/gm, '')
    .split(/\n\s*\n/)
    .filter(block => /^ {3,}(at|by) 0x/m.test(block));

/**
 * Whether a block is Node-API's data for a promise whose thread ended before the promise settled: nothing can release it
 * then.
 */
const isOfEndedThread = block =>
  /definitely lost/.test(block) && /napi_create_promise/.test(block) && /node::worker::Worker/.test(block);

const programPath = name => path.join('__test__', 'support', 'robustness', name);

const valgrind = () => {
  const logs = mkdtempSync(path.join(tmpdir(), 'swing-store-valgrind-'));
  try {
    const endings = ['finish', 'exit', 'terminate', 'callback'].map(ending => ({ ending, delay: 25 }));
    const dir = path.join(logs, 'stores');
    mkdirSync(dir);
    const programs = [
      ['scripts/demo.mjs', '--no-reference'],
      ['--expose-gc', programPath('programs/abandon-stores.mjs'), path.join(dir, 'store'), '10'],
      [programPath('workers/main.mjs'), JSON.stringify({ subject: 'swing-store-native', dir, endings })],
    ];
    const passed = programs.map(program => {
      const options = ['--leak-check=full', '--show-leak-kinds=definite', '--num-callers=40', '--trace-children=yes'];
      const where = `--log-file=${path.join(logs, '%p')}`;
      return run('valgrind', [...options, where, process.execPath, '--jitless', ...program]);
    });
    const names = readdirSync(logs).filter(name => /^\d+$/.test(name));
    const texts = names.map(name => readFileSync(path.join(logs, name), 'utf8'));
    const finished = texts.filter(text => text.includes('ERROR SUMMARY'));
    const found = texts.flatMap(errorsIn);
    const ours = found.filter(block => block.includes('swing-store-native') && !isOfEndedThread(block));
    for (const block of ours) console.error(`${block}\n`);
    console.log(
      `valgrind: ${finished.length} processes, ${found.length} findings, ${ours.length} of them in the addon`,
    );
    return passed.every(Boolean) && finished.length >= programs.length && ours.length === 0;
  } finally {
    rmSync(logs, { recursive: true, force: true });
  }
};

const checks = { sanitizer, valgrind };
const { positionals } = parseArgs({ allowPositionals: true });
for (const name of positionals.length > 0 ? positionals : Object.keys(checks)) {
  const check = checks[name];
  if (!check) throw new Error(`There is no check "${name}"; there are ${Object.keys(checks).join(' and ')}.`);
  if (name === 'valgrind') await setup();
  console.log(`== ${name}`);
  const passed = check();
  console.log(`== ${name}: ${passed ? 'passed' : 'failed'}`);
  if (!passed) process.exitCode = 1;
}
