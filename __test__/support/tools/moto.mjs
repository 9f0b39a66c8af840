// moto, an S3 server that checks signatures' form, conditions and parts as S3 does. It is a Python package, which is
// installed below `.cache` when it is needed for the first time.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const requirements = fileURLToPath(new URL('moto-requirements.txt', import.meta.url));
const home = path.join(root, '.cache', 'moto');
const python = path.join(home, 'bin', 'python');
/** A copy of the requirements that are installed, written when the installation is complete. */
const installed = path.join(home, 'requirements.txt');

const run = (program, args) => {
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? undefined : `${program}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
};

/** Installs moto, unless it is installed. @returns {string | undefined} why that is impossible */
export const prepareMoto = () => {
  const wanted = fs.readFileSync(requirements, 'utf8');
  if (fs.existsSync(installed) && fs.readFileSync(installed, 'utf8') === wanted) return undefined;
  fs.rmSync(home, { recursive: true, force: true });
  const problem =
    run('python3', ['-m', 'venv', home]) ??
    run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--disable-pip-version-check', '-r', requirements]);
  if (problem === undefined) fs.writeFileSync(installed, wanted);
  return problem;
};

/** Calls `use` with the endpoint of a running server, which then ends. */
export const withMoto = async use => {
  const args = ['-c', 'import sys; from moto.server import main; main(sys.argv[1:])', '-H', '127.0.0.1', '-p', '0'];
  const server = spawn(python, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const endpoint = await new Promise((resolve, reject) => {
      let printed = '';
      for (const stream of [server.stdout, server.stderr]) {
        stream.setEncoding('utf8').on('data', text => {
          printed += text;
          const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(printed) ?? [];
          if (url) resolve(url);
        });
      }
      server.on('exit', () => reject(Error(`moto ended: ${printed}`)));
      server.on('error', reject);
    });
    return await use(endpoint);
  } finally {
    server.kill();
  }
};
