/**
 * Builds the program without Node.js, and packs it with its manual pages, completions and systemd units.
 *
 *     node scripts/release/program.mjs [--platform linux-x64-musl] [--out DIR] [--deb] [--profile NAME]
 *
 * Writes `swing-store-VERSION-TARGET.tar.gz`, and next to it a file `.sha256` for `sha256sum --check`. `--deb` also writes a
 * Debian package, for which it needs cargo-deb ("cargo install --locked cargo-deb"). The program runs to print its pages,
 * so this machine must be able to run it.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { main } from './packages.mjs';
import { platformNamed } from './platforms.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values } = parseArgs({
  options: {
    platform: { type: 'string' },
    out: { type: 'string', default: path.join(root, 'dist') },
    deb: { type: 'boolean' },
    profile: { type: 'string', default: 'release' },
  },
});
const targetDir = path.resolve(process.env.CARGO_TARGET_DIR ?? path.join(root, 'target'));

const run = (command, args, options = {}) => {
  const { status, stdout, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 26,
    ...options,
  });
  if (error || status !== 0) throw Error(`${command} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}`);
  return stdout;
};

const build = () => {
  const { target, zigTarget } = values.platform ? platformNamed(values.platform) : {};
  const features = ['--no-default-features', '--features', 'report,remote,logging', '--bin', 'swing-store'];
  const where = target ? ['--target', zigTarget ?? target] : [];
  const profile = ['--profile', values.profile];
  run('cargo', [zigTarget ? 'zigbuild' : 'build', '--locked', ...profile, ...features, ...where], { stdio: 'inherit' });
  const suffix = process.platform === 'win32' ? '.exe' : '';
  // Cargo calls the directory of this profile by another name.
  const directory = values.profile === 'dev' ? 'debug' : values.profile;
  const built = path.join(targetDir, ...(target ? [target] : []), directory, `swing-store${suffix}`);
  const host = /^host: (.*)$/m.exec(String(run('rustc', ['-vV'])))[1];
  return { built, target: target ?? host };
};

const completions = { bash: 'swing-store.bash', zsh: '_swing-store', fish: 'swing-store.fish' };

/** Lays out what is packed in `directory`; `Cargo.toml` names these files for the Debian package. */
const layOut = (directory, program) => {
  rmSync(directory, { recursive: true, force: true });
  for (const part of ['man', 'completions']) mkdirSync(path.join(directory, part), { recursive: true });
  copyFileSync(program, path.join(directory, path.basename(program)));
  for (const file of ['LICENSE', 'CHANGELOG.md']) copyFileSync(path.join(root, file), path.join(directory, file));
  cpSync(path.join(root, 'systemd'), path.join(directory, 'systemd'), { recursive: true });
  const help = String(run(program, ['--help']));
  const commands = help.match(/Commands:\r?\n([^]*?)\r?\n\r?\n/)[1].match(/(?<=^ {2})[a-z-]+/gm);
  const page = (name, ...args) => writeFileSync(path.join(directory, 'man', name), run(program, ['man', ...args]));
  page('swing-store.1');
  for (const command of commands.filter(name => name !== 'help')) page(`swing-store-${command}.1`, command);
  for (const [shell, file] of Object.entries(completions)) {
    writeFileSync(path.join(directory, 'completions', file), run(program, ['completions', shell]));
  }
};

const addChecksum = file => {
  const sum = createHash('sha256').update(readFileSync(file)).digest('hex');
  writeFileSync(`${file}.sha256`, `${sum}  ${path.basename(file)}\n`);
  console.log(`${sum}  ${path.relative(root, file)}`);
};

const out = path.resolve(values.out);
mkdirSync(out, { recursive: true });
const { built, target } = build();
const files = path.join(targetDir, 'program');
layOut(files, built);
const name = `swing-store-${main().version}-${target}`;
const archive = path.join(out, `${name}.tar.gz`);
// A relative path, because some versions of tar take the colon of a drive letter for the end of a host name.
const staging = path.join(targetDir, 'archive');
rmSync(staging, { recursive: true, force: true });
cpSync(files, path.join(staging, name), { recursive: true });
run('tar', ['-czf', `${name}.tar.gz`, name], { cwd: staging });
copyFileSync(path.join(staging, `${name}.tar.gz`), archive);
addChecksum(archive);
if (values.deb) {
  for (const file of readdirSync(out).filter(one => one.endsWith('.deb'))) rmSync(path.join(out, file));
  const where = ['--profile', values.profile, ...(values.platform ? ['--target', target] : [])];
  run('cargo', ['deb', '--no-build', '--no-strip', ...where, '--output', `${out}/`], { stdio: 'inherit' });
  for (const file of readdirSync(out).filter(one => one.endsWith('.deb'))) addChecksum(path.join(out, file));
}
