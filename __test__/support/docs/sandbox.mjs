// The environment for a page's examples. Their paths are those of a validator's machine; the sandbox maps them into a
// scratch directory, and maps paths in the output back.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { Database } from '../../../index.mjs';
import { makeTempDir, removeDir } from '../common/world.mjs';
import { root } from './pages.mjs';

/** The roots of all paths that examples may use. */
const roots = ['/var/lib', '/backup', '/chain', '/other', '/archive', '/home/agoric'];

const pathPattern = RegExp(`(?<![\\w./~-])(?:${roots.join('|')})(?=[/\\s'"\`),]|$)`, 'gm');

/** The packages that examples may import. */
const packages = { 'swing-store-native': root, tmp: path.join(root, 'node_modules/tmp') };

const script = (file, lines) => fs.writeFileSync(file, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });

/** @param {string} exampleDir the store to copy */
export const makeSandbox = exampleDir => {
  const base = makeTempDir();
  const at = place => path.join(base, place);
  const home = at('/home/agoric');
  for (const place of ['/backup', '/var/lib/agoric/data', '/home/agoric/.agoric/data', '/bin', '/node_modules']) {
    fs.mkdirSync(at(place), { recursive: true });
  }
  for (const [name, dir] of Object.entries(packages)) fs.symlinkSync(dir, at(`/node_modules/${name}`));
  script(at('/bin/swing-store'), `exec "${process.execPath}" "${path.join(root, 'bin/swing-store.js')}" "$@"`);
  script(at('/bin/npx'), '[ "$1" = swing-store ] || { echo "an example runs npx $1" >&2; exit 99; }\nexec "$@"');
  for (const name of ['npm', 'cargo']) script(at(`/bin/${name}`), `echo "an example runs ${name}" >&2; exit 99`);

  const inside = text => text.replace(pathPattern, found => at(found));
  const outside = text => text.split(base).join('');

  /** Runs a program to its end. Returns stdout and stderr interleaved, as a terminal shows them. */
  const run = (program, args) =>
    new Promise((resolve, reject) => {
      const env = { PATH: `${at('/bin')}:${process.env.PATH}`, HOME: home, LANG: 'C.UTF-8' };
      const child = spawn(program, args, { cwd: base, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', chunk => (output += chunk));
      }
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code: code ?? signal, output: outside(output) }));
    });

  return {
    /** Copies the example store to these directories, replacing their contents, and changes the last copy with SQL. */
    putStores: (dirs, sql) => {
      for (const dir of dirs) {
        fs.rmSync(at(dir), { recursive: true, force: true });
        fs.cpSync(exampleDir, at(dir), { recursive: true });
      }
      if (!sql) return;
      const db = new Database(path.join(at(dirs.at(-1)), 'swingstore.sqlite'));
      db.exec(sql);
      db.close();
    },
    shell: text => run('bash', ['-c', inside(text)]),
    module: (name, text) => {
      fs.writeFileSync(at(`/${name}`), inside(text));
      return run(process.execPath, [name]);
    },
    /** Writes a file and returns its path. */
    write: (name, text) => {
      fs.writeFileSync(at(`/${name}`), text);
      return at(`/${name}`);
    },
    remove: () => removeDir(base),
  };
};
