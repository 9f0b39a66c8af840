// Tests the exporter as a chain uses it: its messages to the parent process,
// concurrent work, and early ends.

import { spawnSync } from 'node:child_process';
import { createReadStream, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { contentsOf } from './contents.mjs';
import { exportOf } from './exports.mjs';
import { inPairs } from '../../../support/external/processes.mjs';
import { sides } from '../../../support/external/sides.mjs';

const options = { 'artifact-mode': 'replay', 'export-data-mode': 'all' };

/**
 * Holds an export at one of its artifacts, with an unread pipe in place of the artifact's file.
 */
const holdAt = (dir, artifact) => {
  const pipe = join(dir, artifact);
  const { status, stderr } = spawnSync('mkfifo', [pipe], { encoding: 'utf8' });
  if (status !== 0) throw Error(`mkfifo: ${stderr}`);
  const letGo = () =>
    new Promise((resolve, reject) => {
      const chunks = [];
      createReadStream(pipe)
        .on('data', chunk => chunks.push(chunk))
        .on('error', reject)
        .on('end', () => resolve(Buffer.concat(chunks)));
    });
  return { pipe, letGo };
};

/** Exports, and runs a function while the export is held at an artifact. */
const exportHeld = async ({ programs, places }, side, store, name, meanwhile) => {
  const dir = places.export(`${side}-${name}`);
  const names = JSON.parse(
    readFileSync(join(exportOf(places, 'ours', 'replay'), 'export-manifest.json'), 'utf8'),
  ).artifacts;
  const [artifact] = names[names.length >> 1];
  const { pipe, letGo } = holdAt(dir, artifact);
  let contents;
  let hasEnded = false;
  const running = programs.exportKernelDb(side, store, dir, options, {
    withMessages: true,
    onStart: child => {
      child.once('message', async () => {
        // The export is held when it has written the previous artifact.
        const [before] = names[(names.length >> 1) - 1];
        while (!readdirSync(dir).includes(before)) await sleep(20);
        await meanwhile(child);
        if (!hasEnded) contents = letGo();
      });
    },
  });
  const outcome = await running;
  hasEnded = true;
  const held = await contents;
  rmSync(pipe);
  // Replaces the pipe by a file.
  if (held?.length) writeFileSync(pipe, held);
  return { outcome, files: contentsOf(dir), artifact };
};

/** Returns the results of both sides. */
const onBoth = async act => {
  const results = [];
  await inPairs(sides.map((side, index) => async () => (results[index] = await act(side))));
  return results;
};

export const compareInterruptions = async powers => {
  const { checks, places, programs, progress } = powers;
  const history = places.store('history');
  const expected = contentsOf(exportOf(places, 'reference', 'replay'));

  progress('exports that are watched, held and interrupted');
  for (const [what, height] of [['succeeds'], ['succeeds at its height', '40'], ['fails', '41']]) {
    const [ours, theirs] = await onBoth(side =>
      programs.spawnExport(side, history, places.export(`${side}-spawned-${what}`), ...(height ? [height] : [])),
    );
    checks.equal(`spawnSwingStoreExport ${what}: ${theirs.join('; ')}`, ours, theirs);
  }

  for (const stopAt of ['', '1', '2', '5']) {
    const [ours, theirs] = await onBoth(async side => {
      const dir = places.export(`${side}-initiated-${stopAt}`);
      return { events: await programs.initiate(side, history, dir, stopAt), files: contentsOf(dir) };
    });
    const ignorePlaces = ({ events, files }) => ({
      events: events.map(event => event.replace(/\/.*exports\/[^/]*/, '')),
      files,
    });
    const title = stopAt ? `stopped at its line ${stopAt}` : 'not stopped';
    checks.equal(`initiateSwingStoreExport, ${title}`, ignorePlaces(ours), ignorePlaces(theirs));
    checks.holds(
      stopAt ? '    it was interrupted' : '    it was done',
      ours.events.includes(stopAt ? 'done: Interrupted' : 'done: fulfilled'),
      ours.events.join('; '),
    );
  }

  for (const side of sides) {
    for (const writer of sides) {
      const store = places.store(`advancing-${side}-${writer}`);
      await programs.makeCopy(history, store);
      const { outcome, files } = await exportHeld(powers, side, store, `beside-${writer}`, () =>
        programs.advance(writer, store),
      );
      const title = `exported by ${side}, while ${writer} commits the next block:`;
      checks.holds(`${title} it succeeds`, outcome.ended === 0, outcome.stderr);
      checks.equal('    it is the block where it began', files, expected);
    }
  }

  for (const signal of ['SIGTERM', 'SIGINT']) {
    const [ours, theirs] = await onBoth(async side => {
      const { outcome, files, artifact } = await exportHeld(powers, side, history, signal, async child => {
        child.kill(signal);
        await sleep(300);
      });
      // Whether it ended before the release is random.
      delete files[artifact];
      return { outcome, files };
    });
    checks.equal(`${signal}: the same messages, exit code and files`, ours, theirs);
    const last = ours.outcome.messages.at(-1);
    checks.holds('    it was interrupted', last.error === 'Error: Interrupted', JSON.stringify(ours.outcome));
    checks.holds(
      '    and left a manifest without contents',
      ours.files['export-manifest.json'].startsWith('0 bytes'),
      'it is not empty',
    );
  }
};
