// Checkers of whether an archive matches its bundle ID: ours, the `@endo/check-bundle` that npm installs with the reference
// today, and the version that was current when the reference was published.
import { checkBundle } from '@endo/check-bundle';
import { Buffer } from 'node:buffer';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { makeRandom } from '../../../bench/lib/random.mjs';
import { spoilB1 } from '../torture/hostile-input.mjs';
import { subject } from '../common/implementations.mjs';
import { makePlainExporter } from '../common/plain-exporter.mjs';
import { spoilPolicyBundle } from './bundle-policies.mjs';

/** An error's message without the bundle's ID; null if there is no error. */
const outcomeOf = (promise, id) =>
  promise.then(
    () => null,
    error => String(error?.message).split(id).join('<ID>'),
  );

/** @type {(bundle: [string, Buffer]) => Promise<string | null>} */
export const checkByToday = ([id, bytes]) => {
  const bundle = harden({
    moduleFormat: 'endoZipBase64',
    endoZipBase64: Buffer.from(bytes).toString('base64'),
    endoZipBase64Sha512: id.replace(/^b1-/, ''),
  });
  return outcomeOf(checkBundle(bundle, id), id);
};

/** @type {(bundle: [string, Buffer]) => Promise<string | null>} */
export const checkByOurs = ([id, bytes]) => {
  const { exporter } = makePlainExporter({
    data: [[`bundle.${id}`, id]],
    artifacts: [[`bundle.${id}`, Buffer.from(bytes)]],
  });
  const imported = subject.api.importSwingStore(exporter, null, { artifactMode: 'debug' });
  return outcomeOf(
    imported.then(({ hostStorage }) => hostStorage.close()),
    id,
  );
};

/** Starts the checker of `ses` 1 in a separate process. */
export const startEarlierChecker = async () => {
  const file = fileURLToPath(new URL('programs/check-bundles-ses1.mjs', import.meta.url));
  const child = fork(file, { stdio: 'inherit' });
  await once(child, 'message');
  return {
    /** @type {(bundle: [string, Buffer]) => Promise<string | null>} */
    check: async ([id, bytes]) => {
      child.send({ id, base64: Buffer.from(bytes).toString('base64') });
      const [{ refusal }] = await once(child, 'message');
      return refusal && refusal.split(id).join('<ID>');
    },
    stop: () => child.disconnect(),
  };
};

/** The part of a message before the parser's own text about invalid JSON. */
const upToSyntax = message => /^.*?Cannot parse JSON from .*?, SyntaxError: /s.exec(message ?? '')?.[0];

/** Faults of a compartment map that only the earlier checker refuses. Its message fails for a `toString`. */
const olderSchema = /^(compartments\[|entry|tags|conditions|Cannot convert object to primitive value$)/;

/** Faults that only today's checker refuses. */
const newerSchema = /^"?compartments\[/;

/**
 * Checks spoiled archives with all checkers, and compares the results.
 *
 * @param {{
 *   rounds: number,
 *   seed: number,
 *   earlier: { check: (bundle: [string, Buffer]) => Promise<string | null> },
 *   onRound?: () => void,
 * }} options
 * @returns the numbers of accepted and refused archives, and of known differences by reason
 */
export const compareCheckers = async ({ rounds, seed, earlier, onRound = () => {} }) => {
  const figures = { accepted: 0, refused: 0, known: {} };
  const note = reason => {
    figures.known[reason] = (figures.known[reason] ?? 0) + 1;
  };
  for (let round = 0; round < rounds; round += 1) {
    const { below } = makeRandom(seed + round);
    const bundle = below(4) ? spoilPolicyBundle(below) : spoilB1(below);
    const ours = await checkByOurs(bundle);
    onRound();
    // The other checkers never finish with such a cycle.
    if (/is an alias of itself/.test(ours ?? '')) {
      note('circle');
      continue;
    }
    const [today, before] = await Promise.all([checkByToday(bundle), earlier.check(bundle)]);
    const fail = (who, theirs) => {
      throw Error(`round ${round}, seed ${seed}: ours says ${ours}, and ${who} ${theirs}`);
    };
    if (ours !== today?.toWellFormed()) {
      if (ours === null && /^Globals attenuation errors: /.test(today)) note('attenuator');
      else if (ours && today && upToSyntax(ours) && upToSyntax(ours) === upToSyntax(today)) note('syntax');
      else if (ours !== null || today !== null) fail("today's checker", today);
    }
    if ((today === null) !== (before === null)) {
      if (today === null && olderSchema.test(before)) note('olderSchema');
      else if (before === null && newerSchema.test(today)) note('newerSchema');
      else fail('the earlier one', before);
    }
    figures[ours === null ? 'accepted' : 'refused'] += 1;
  }
  return figures;
};
