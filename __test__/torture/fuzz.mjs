// Runs libFuzzer on the code that takes untrusted input, with the address sanitizer for Rust and C (fuzz/README.md).
//
//   npm run fuzz -- [--seconds N] [TARGET...]
//
// Runs each named target in turn, or all. A failing input is saved in fuzz/artifacts/TARGET/, and
// `npm run fuzz -- --input FILE TARGET` repeats it.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

const fuzz = path.join(import.meta.dirname, '../../fuzz');
const known = readdirSync(path.join(fuzz, 'fuzz_targets')).map(file => path.basename(file, '.rs'));

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, input: { type: 'string' } },
  allowPositionals: true,
});

const stop = problem => {
  console.error(problem);
  process.exit(2);
};

const unknown = positionals.filter(name => !known.includes(name));
if (unknown.length) stop(`There is no target ${unknown.join(', ')}. There are ${known.join(', ')}.`);
if (!(Number(values.seconds) > 0)) stop('--seconds takes a number above 0.');
if (values.input && positionals.length !== 1) stop('--input takes a file for one target: name the target.');

for (const [args, need] of [
  [['+nightly', '--version'], 'a nightly compiler (rustup toolchain install nightly)'],
  [['+nightly', 'fuzz', '--version'], 'cargo-fuzz (cargo install cargo-fuzz)'],
]) {
  if (spawnSync('cargo', args, { stdio: 'ignore' }).status !== 0) stop(`This needs ${need}.`);
}

const [, host] = /host: (.*)/.exec(execFileSync('rustc', ['+nightly', '-vV'], { encoding: 'utf8' }));
const env = {
  ...process.env,
  // Includes SQLite and libdeflate.
  CFLAGS: `${process.env.CFLAGS ?? ''} -fsanitize=address -fno-omit-frame-pointer`,
  // libdeflate has tables with the same name in several files.
  ASAN_OPTIONS: `detect_odr_violation=0:${process.env.ASAN_OPTIONS ?? ''}`,
};
const built = path.join(process.env.CARGO_TARGET_DIR ?? path.join(fuzz, 'target'), host, 'release');
const must = (program, args) => {
  const { status, error } = spawnSync(program, args, { cwd: fuzz, env, stdio: 'inherit' });
  if (status !== 0) stop(error?.message ?? `${path.basename(program)} has failed.`);
};

must('cargo', ['+nightly', 'fuzz', 'build', '--release']);
must(path.join(built, 'seeds'), []);

const failed = [];
for (const target of positionals.length ? positionals : known) {
  const [corpus, artifacts] = ['corpus', 'artifacts'].map(name => path.join(fuzz, name, target));
  mkdirSync(artifacts, { recursive: true });
  const words = path.join(fuzz, 'dictionaries', target);
  const args = values.input
    ? [path.resolve(values.input)]
    : [
        ...(statSync(words, { throwIfNoEntry: false })?.size ? [`-dict=${words}`] : []),
        `-artifact_prefix=${artifacts}${path.sep}`,
        `-max_total_time=${Math.ceil(Number(values.seconds))}`,
        '-timeout=10',
        '-rss_limit_mb=2048',
        '-print_final_stats=1',
        corpus,
      ];
  console.log(`\n${target}`);
  const { status } = spawnSync(path.join(built, target), args, { cwd: fuzz, env, stdio: 'inherit' });
  if (status !== 0) failed.push(target);
}
if (failed.length) {
  console.error(`\n${failed.join(', ')}: see fuzz/artifacts/`);
  process.exitCode = 1;
}
