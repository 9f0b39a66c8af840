// Compares the errors of cosmic-swingset's programs: callers match on them, and operators read them.

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { exportOf } from './exports.mjs';
import { inPairs } from '../../../support/external/processes.mjs';
import { sides } from '../../../support/external/sides.mjs';

const all = { 'export-data-mode': 'all' };

/** @param {ReturnType<typeof import('../run.mjs').places>} places */
const exportCases = places => {
  const history = places.store('history');
  const pruned = places.store('pruned');
  return {
    'no such directory': { state: join(history, 'missing'), options: all },
    'a directory without a store': { state: places.store('empty'), options: all },
    'an unknown mode': { state: history, options: { 'artifact-mode': 'everything' } },
    'an unknown mode for the export data': { state: history, options: { 'export-data-mode': 'some' } },
    'another height': { state: history, options: { ...all, 'check-block-height': 41 } },
    'a manifest is there': {
      state: history,
      options: all,
      before: dir => writeFileSync(join(dir, 'export-manifest.json'), '{}'),
    },
    'export data is there': {
      state: history,
      options: all,
      before: dir => writeFileSync(join(dir, 'export-data.jsonl'), ''),
    },
    'a pruned store, replay': { state: pruned, options: { ...all, 'artifact-mode': 'replay' } },
    'a pruned store, archival': { state: pruned, options: { ...all, 'artifact-mode': 'archival' } },
    'a pruned store, debug': { state: pruned, options: { ...all, 'artifact-mode': 'debug' }, succeeds: true },
  };
};

const MANIFEST = 'export-manifest.json';

const editManifest = change => dir => {
  const manifest = JSON.parse(readFileSync(join(dir, MANIFEST), 'utf8'));
  change(manifest);
  writeFileSync(join(dir, MANIFEST), JSON.stringify(manifest));
};

/** Changes one byte in the middle of the first artifact of a kind. */
const damage = kind => dir => {
  const { artifacts } = JSON.parse(readFileSync(join(dir, MANIFEST), 'utf8'));
  const [, file] = artifacts.find(([name]) => name.startsWith(kind));
  const bytes = readFileSync(join(dir, file));
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(join(dir, file), bytes);
};

const editData = change => dir => {
  const file = join(dir, 'export-data.jsonl');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
};

const importCases = {
  'another height': { options: { 'check-block-height': 41 } },
  'a mode beyond the export': { options: { 'artifact-mode': 'archival' } },
  'mode none': { options: { 'artifact-mode': 'none' } },
  'an unknown mode': { options: { 'artifact-mode': 'everything' } },
  'artifacts only': { options: { 'export-data-mode': 'skip' } },
  'no manifest': { before: dir => rmSync(join(dir, MANIFEST)) },
  'a manifest that is empty': { before: dir => writeFileSync(join(dir, MANIFEST), '') },
  'no export data': { before: editManifest(manifest => delete manifest.data) },
  'no artifacts': { before: editManifest(manifest => (manifest.artifacts = [])) },
  'an artifact too few': { before: editManifest(manifest => manifest.artifacts.shift()) },
  'an artifact without a record': {
    before: editManifest(manifest => manifest.artifacts.push(['transcript.v77.0.1', MANIFEST])),
  },
  'a damaged span': { before: damage('transcript.') },
  'a damaged image': { before: damage('snapshot.') },
  'a damaged script': { before: damage('bundle.b0-') },
  'a damaged archive': { before: damage('bundle.b1-') },
  'export data cut short': { before: editData(text => text.slice(0, -20)) },
  'a key of an unknown kind': { before: editData(text => `${text}["strange.key","value"]\n`) },
  'another hash in the export data': {
    before: editData(text => text.replace(/(\\"hash\\":\\")./, (_, start) => `${start}x`)),
  },
};

export const compareFailures = async ({ checks, places, programs, progress }) => {
  progress('exports that must fail');
  const exportsThatFail = exportCases(places);
  await inPairs(
    Object.entries(exportsThatFail).map(
      ([what, { state, options, before = () => {}, succeeds }], index) =>
        async () => {
          const outcomes = [];
          for (const side of sides) {
            const dir = places.export(`${side}-failing-${index}`);
            before(dir);
            outcomes.push(
              await programs.exportKernelDb(
                side,
                state,
                dir,
                { ...options, verbose: true },
                { withMessages: index % 2 === 0 },
              ),
            );
          }
          const [ours, theirs] = outcomes;
          checks.equal(`export, ${what}: ${lastWords(theirs)}`, ours, theirs);
          const failed = ours.ended !== 0 || ours.messages.some(({ error }) => error);
          checks.holds(`    ${succeeds ? 'it succeeds' : 'it fails'}`, failed !== !!succeeds, ours.stderr);
        },
    ),
  );

  progress('imports that must fail');
  const good = exportOf(places, 'reference', 'replay');
  await inPairs(
    Object.entries(importCases).map(([what, { options = {}, before = () => {} }], index) => async () => {
      const dir = places.export(`failing-import-${index}`);
      cpSync(good, dir, { recursive: true });
      before(dir);
      const outcomes = [];
      for (const side of sides) {
        const state = places.state(`${side}-failing-${index}`);
        outcomes.push(await programs.importKernelDb(side, state, dir, options));
        if (side === 'ours') {
          const left = existsSync(join(state, 'swingstore.sqlite'));
          checks.holds(`import, ${what}: ours leaves no store`, !left, `there is one in ${state}`);
        }
      }
      const [ours, theirs] = outcomes;
      checks.equal(`    ${lastWords(theirs)}`, whatCounts(ours), whatCounts(theirs));
      // Ours processes several artifacts at the same time.
      checks.holds('    what it says begins as there', ours.stdout.startsWith(theirs.stdout), ours.stdout);
      checks.holds('    it fails', ours.ended !== 0, ours.stdout);
    }),
  );

  await compareRepairs({ checks, places, programs, progress });
};

/** The exit status and its reason, without the formatting of SES's console. */
const whatCounts = ({ ended, stderr }) => ({ ended, stderr: stderr.replaceAll(/["']| (?=,)/g, '') });

const lastWords = ({ stderr }) => stderr.trim().split('\n').at(-1).slice(0, 100);

/** `--export-data-mode repair-metadata`, on copies of a store. */
const compareRepairs = async ({ checks, places, programs, progress }) => {
  progress('repairs of metadata');
  const repair = { 'export-data-mode': 'repair-metadata', 'artifact-mode': 'none' };
  const cases = {
    'records that are there': { height: 40 },
    'another height': { height: 41, fails: true },
    'artifacts, too': { height: 40, mode: 'operational', fails: true },
    'a contradiction': {
      height: 40,
      before: editData(text => text.replace(/(\\"hash\\":\\")./, (_, start) => `${start}x`)),
      fails: true,
    },
  };
  for (const [what, { height, mode = 'none', before = () => {}, fails = false }] of Object.entries(cases)) {
    const dir = places.export(`repair-${what}`);
    mkdirSync(dir, { recursive: true });
    for (const file of [MANIFEST, 'export-data.jsonl'])
      cpSync(join(exportOf(places, 'ours', 'archival'), file), join(dir, file));
    before(dir);
    const outcomes = [];
    for (const side of sides) {
      const state = places.state(`${side}-repair-${what}`);
      cpSync(places.store('history'), state, { recursive: true });
      const options = { ...repair, 'artifact-mode': mode, 'check-block-height': height };
      const { ended, stdout, stderr } = await programs.importKernelDb(side, state, dir, options);
      // The reference's console prints the two records on several lines.
      const why = stderr.replace(/(metadata mismatch: )[^]*$/, '$1');
      outcomes.push({ ended, stdout, stderr: why, dump: await programs.dump(state) });
    }
    const [ours, theirs] = outcomes;
    checks.equal(`repair, ${what}: ${lastWords(theirs)}`, ours, theirs);
    checks.holds(`    it ${fails ? 'fails' : 'succeeds'}`, (ours.ended !== 0) === fails, ours.stderr);
  }
};
