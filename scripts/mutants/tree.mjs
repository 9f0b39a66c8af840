/** A copy of the checkout in which mutants are built. The sources of the checkout itself are never changed. */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { libraryName } from '../release/platforms.mjs';
import { MutantsError } from './list.mjs';
import { switchBefore, switchModule, withMutant, withSwitches } from './switches.mjs';

const { NAME, platformName } = createRequire(import.meta.url)('../../js/addon/platform.js');

const filesOf = root => {
  const { stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  return stdout.split('\0').filter(file => file && existsSync(path.join(root, file)));
};

/** Writes a file only if its contents differ, so that cargo rebuilds less. */
const writeIfOther = (file, content) => {
  if (existsSync(file) && readFileSync(file).equals(Buffer.from(content))) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
};

const environment = {
  ...process.env,
  CARGO_PROFILE_DEV_DEBUG: '0',
  CARGO_PROFILE_TEST_DEBUG: '0',
  CARGO_INCREMENTAL: '1',
};
/** Optimizes SQLite and compression, which are not mutated. */
const CONFIG = ['libsqlite3-sys', 'libdeflate-sys', 'zlib-rs', 'sha2'].flatMap(name => [
  '--config',
  `profile.dev.package.${name}.opt-level=2`,
]);

const compiling = new Set();

/** Ends all running compilations. */
export const stopCompiling = () => {
  for (const child of compiling) child.kill();
};

/** Runs cargo in the tree, and returns its messages. */
const cargo = (tree, target, args) =>
  new Promise((resolve, reject) => {
    const child = spawn('cargo', [...args, '--locked', '--message-format=json', ...CONFIG], {
      cwd: tree,
      env: { ...environment, CARGO_TARGET_DIR: target },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    compiling.add(child);
    const [out, err] = [[], []];
    child.stdout.on('data', chunk => out.push(chunk));
    child.stderr.on('data', chunk => err.push(chunk));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      compiling.delete(child);
      if (signal) reject(new MutantsError('Interrupted'));
      const messages = Buffer.concat(out)
        .toString()
        .split('\n')
        .filter(line => line.startsWith('{'))
        .map(line => JSON.parse(line));
      resolve({ status, messages, stderr: Buffer.concat(err).toString() });
    });
  });

/** The positions of an error in the crate's own source. A position in a macro becomes that of its call. */
const placesOf = ({ spans, children }) => {
  const found = spans.filter(({ is_primary: primary }) => primary);
  const own = found.map(span => {
    let at = span;
    while (at && !at.file_name.startsWith('src/')) at = at.expansion?.span;
    return at;
  });
  return own.some(Boolean) ? own.filter(Boolean) : children.flatMap(placesOf);
};

/** `isUnitOnly`: builds only the library's unit tests, without the addon. */
export const makeTree = (root, directory, { isUnitOnly = false } = {}) => {
  const tree = path.join(directory, 'tree');
  const target = path.join(directory, 'target');
  const sources = new Map();
  const tests = ['test', '--no-run', ...(isUnitOnly ? ['--lib'] : [])];

  /** Copies the current checkout to the tree. */
  const sync = () => {
    const files = filesOf(root);
    const listed = path.join(directory, 'files.json');
    const old = existsSync(listed) ? JSON.parse(readFileSync(listed, 'utf8')) : [];
    for (const file of old.filter(name => !files.includes(name))) rmSync(path.join(tree, file), { force: true });
    mkdirSync(tree, { recursive: true });
    writeFileSync(listed, JSON.stringify(files));
    for (const file of files) {
      const content = readFileSync(path.join(root, file));
      if (file.startsWith('src/')) sources.set(file, content.toString());
      // Sources are written later, with their mutants.
      else writeIfOther(path.join(tree, file), content);
    }
    if (!existsSync(path.join(tree, 'node_modules'))) {
      symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
    }
  };

  const write = changed => {
    for (const [file, text] of sources) writeIfOther(path.join(tree, file), changed.get(file) ?? text);
  };

  /** Builds tests and the addon. Returns the tests' programs by name, or `undefined` if it does not compile. */
  const build = async () => {
    const { status, messages } = await cargo(tree, target, tests);
    if (status !== 0) return undefined;
    const programs = {};
    for (const { executable, target: made, profile } of messages) {
      if (executable && profile?.test) programs[made.kind.includes('test') ? made.name : 'lib'] = executable;
    }
    if (isUnitOnly) return programs;
    copyFileSync(
      path.join(target, 'debug', libraryName({ os: process.platform })),
      path.join(tree, `${NAME}.${platformName()}.node`),
    );
    return programs;
  };

  /**
   * Builds all mutants that can share one build. Mutants whose own code does not compile are unviable; the others need
   * their own builds.
   */
  const buildSwitches = async (mutants, onProgress) => {
    const numbers = new Map(mutants.map((mutant, index) => [mutant, index + 1]));
    const byFile = new Map();
    for (const mutant of mutants) byFile.set(mutant.file, [...(byFile.get(mutant.file) ?? []), mutant]);
    // The mutants for which an earlier run found that they cannot be in the shared build.
    const remembered = path.join(directory, 'not-switched.json');
    const old = existsSync(remembered) ? JSON.parse(readFileSync(remembered, 'utf8')) : { out: [], unviable: [] };
    const out = new Set(mutants.filter(({ key }) => old.out.includes(key)));
    const unviable = new Set(mutants.filter(({ key }) => old.unviable.includes(key)));
    for (let round = 1; ; round += 1) {
      const changed = new Map();
      const switched = [];
      for (const [file, all] of byFile) {
        const left = all.filter(mutant => !out.has(mutant));
        const made = withSwitches(sources.get(file), left, mutant => numbers.get(mutant));
        changed.set(file, made.text);
        switched.push(...made.mutants);
      }
      changed.set('src/lib.rs', `${sources.get('src/lib.rs')}${switchModule(mutants.length)}`);
      write(changed);
      const { status, messages, stderr } = await cargo(tree, target, isUnitOnly ? tests : ['build', '--lib']);
      if (status === 0) {
        const keysOf = (before, found) => [...new Set([...before, ...[...found].map(({ key }) => key)])];
        writeFileSync(
          remembered,
          JSON.stringify({ out: keysOf(old.out, out), unviable: keysOf(old.unviable, unviable) }),
        );
        return { switched, unviable: [...unviable], numberOf: mutant => numbers.get(mutant) };
      }
      const before = out.size;
      for (const { message } of messages) {
        if (message?.level !== 'error') continue;
        for (const place of placesOf(message)) {
          const text = changed.get(place.file_name);
          if (!text) continue;
          const bytes = Buffer.from(text);
          const [start, end] = [place.byte_start, place.byte_end].map(at => bytes.subarray(0, at).toString().length);
          const found = switchBefore(text, start, end);
          const mutant = found && mutants[found.number - 1];
          if (!mutant || out.has(mutant)) continue;
          const opaque = mutant.returns.includes('impl ');
          if (found.own && mutant.genre === 'FnValue' && !opaque) unviable.add(mutant);
          out.add(mutant);
          if (found.own || round < 5) continue;
          // The error's mutant is uncertain, so all mutants that may have caused it get their own builds.
          for (const other of byFile.get(mutant.file)) {
            if (round > 9 || other.functionStart === mutant.functionStart) out.add(other);
          }
        }
      }
      onProgress?.(`round ${round}: ${out.size - before} removed from the shared build`);
      if (out.size === before) {
        const errors = messages
          .filter(({ message }) => message?.level === 'error')
          .map(({ message }) => message.rendered);
        throw new MutantsError(`The copy does not compile:\n${errors.join('\n') || stderr}`);
      }
    }
  };

  /** Builds one mutant alone. Returns the tests' programs, or `undefined` if the mutant does not compile. */
  const buildOne = mutant => {
    write(new Map([[mutant.file, withMutant(sources.get(mutant.file), mutant)]]));
    return build();
  };

  return { tree, sync, build, buildSwitches, buildOne };
};
