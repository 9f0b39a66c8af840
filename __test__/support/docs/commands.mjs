// Checks commands that no test can run: whether the commands, options and files that they name exist.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { runCli } from '../common/cli.mjs';
import { readText, root } from './pages.mjs';

const packageJson = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const cargoToml = readText('Cargo.toml');

const memo = new Map();
const once = (key, make) => {
  if (!memo.has(key)) memo.set(key, make());
  return memo.get(key);
};

const flagsIn = text => new Set(text.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? []);

/** The options of a subcommand, from its help. */
export const cliFlags = subcommand =>
  once(`cli ${subcommand}`, async () => flagsIn((await runCli([...subcommand.split(' '), '--help'])).stdout));

/** The names of all subcommands. */
export const subcommands = () =>
  once('subcommands', async () => {
    const { stdout } = await runCli(['--help']);
    return stdout.match(/Commands:\n([^]*?)\n\n/)[1].match(/(?<=^ {2})[a-z-]+/gm);
  });

/** The options of an npm script, from its `--help` or from its source. */
const scriptFlags = name =>
  once(`npm ${name}`, async () => {
    const [program, file, ...given] = packageJson.scripts[name].split(' ');
    if (program !== 'node') return flagsIn(packageJson.scripts[name]);
    const source = fs.readFileSync(path.join(root, file), 'utf8');
    const declared = [...source.matchAll(/(?:^|[\s{])'?([a-z][a-z-]*)'?: \{ type: '/gm)].map(match => `--${match[1]}`);
    if (!/\.help\b/.test(source)) return new Set([...declared, ...flagsIn(source), ...given]);
    const { stdout } = await promisify(execFile)(process.execPath, [path.join(root, file), '--help']);
    return new Set([...declared, ...flagsIn(stdout)]);
  });

const checkFlags = (args, known, what) =>
  args
    .filter(arg => /^--./.test(arg))
    .map(arg => arg.split('=')[0])
    .filter(flag => !known.has(flag))
    .map(flag => `${what} has no option ${flag}`);

/** The faults of an npm command. */
const checkNpm = async ([verb, ...args]) => {
  if (['install', 'ci', 'login', 'ls', 'pack', 'publish'].includes(verb)) return [];
  const name = verb === 'run' ? args[0] : verb;
  if (!Object.hasOwn(packageJson.scripts, name)) return [`package.json has no script "${name}"`];
  const dashes = args.indexOf('--');
  return dashes < 0 ? [] : checkFlags(args.slice(dashes + 1), await scriptFlags(name), `npm run ${name}`);
};

const targets = { '--bin': 'bin', '--bench': 'bench', '--test': 'test' };

/** The faults of a cargo command. */
const checkCargo = args => {
  const faults = [];
  const features = /^\[features\]\n([^]*?)\n\[/m.exec(cargoToml)[1];
  for (const [at, arg] of args.entries()) {
    const value = args[at + 1];
    if (arg === '--features') {
      for (const feature of value.split(',')) {
        if (!RegExp(`^${feature} = `, 'm').test(features)) faults.push(`Cargo.toml has no feature "${feature}"`);
      }
    } else if (arg === '--test') {
      const files = [`${value}.rs`, path.join(value, 'main.rs')];
      if (!files.some(file => fs.existsSync(path.join(root, 'tests', file)))) {
        faults.push(`there is no tests/${value}.rs`);
      }
    } else if (
      arg in targets &&
      !RegExp(`^\\[\\[${targets[arg]}\\]\\]\\n(#.*\\n)*name = "${value}"`, 'm').test(cargoToml)
    ) {
      faults.push(`Cargo.toml has no ${arg.slice(2)} "${value}"`);
    }
  }
  return faults;
};

const checkSwingStore = async args => {
  const name = args.find(arg => !arg.startsWith('-'));
  if (name === undefined) return checkFlags(args, await cliFlags(''), 'swing-store');
  if (!(await subcommands()).includes(name)) return [`swing-store has no command "${name}"`];
  return checkFlags(args, await cliFlags(name), `swing-store ${name}`);
};

const checkNode = ([file]) =>
  file.startsWith('-') || fs.existsSync(path.join(root, file)) ? [] : [`there is no ${file}`];

const checkAva = files =>
  files
    .filter(file => file.endsWith('.mjs') && !fs.existsSync(path.join(root, file)))
    .map(file => `there is no ${file}`);

/** The faults of a line of shell, which may contain only simple commands. */
export const checkCommand = async line => {
  const words = line
    .replace(/\s#.*$/, '')
    .replace(/^\$ /, '')
    .trim()
    .split(/\s+/);
  while (/^[A-Z_]+=/.test(words[0])) words.shift();
  if (words[0] === 'npx') words.shift();
  const [program, ...args] = words;
  switch (program) {
    case '':
      return [];
    case 'npm':
      return checkNpm(args);
    case 'cargo':
      return checkCargo(args);
    case 'swing-store':
      return checkSwingStore(args);
    case 'node':
      return checkNode(args);
    case 'ava':
      return checkAva(args);
    case 'git':
    case 'cd':
    case 'esbuild':
    case 'ncc':
    case 'systemctl':
    case 'journalctl':
      return [];
    default:
      return [`nothing is known of "${program}": run the block, or teach the test`];
  }
};
