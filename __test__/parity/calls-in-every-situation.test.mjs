// Every method in every situation that a caller may cause has the same outcome as the reference's. Methods are found in live
// objects; a method without an entry in `support/common/calls/valid-calls.mjs` fails here.
import test from 'ava';

import { hostAdditions } from '../support/common/additions.mjs';
import { faultsIn, runSituation } from '../support/common/calls/run-situation.mjs';
import { shared } from '../support/common/calls/situations.mjs';
import { tinyLimits } from '../support/common/settings.mjs';

const known = {
  // Both refuse, with messages about different states.
  'from an exportCallback that closes the store': ['commit'],
  // The reference keeps a savepoint that it could not set, and fails because of it until the crank is aborted.
  'while another process writes': ['kernelStorage.rollbackCrank', 'kernelStorage.endCrank'],
};

/** The reference has no such method. */
const isOurs = ([what]) => hostAdditions.some(name => what === `hostStorage.${name}`);

/** With small limits, ours writes in other pieces, so other pages of the file may be in use. */
const isLaidOut = what => tinyLimits && what === 'hostStorage.diskUsage';

const isSame = (ours, theirs) =>
  ours === theirs || (theirs.endsWith('about source text') && ours.startsWith('fails: '));

for (const situation of Object.keys(shared)) {
  test.serial(situation, async t => {
    const [all, theirs] = await Promise.all([runSituation('ours', situation), runSituation('reference', situation)]);
    t.deepEqual(faultsIn(all), []);
    const ours = all.filter(outcome => !isOurs(outcome));
    t.deepEqual(
      ours.map(([what]) => what),
      theirs.map(([what]) => what),
    );
    const different = ours.flatMap(([what, outcome], i) =>
      isSame(outcome, theirs[i][1]) || known[situation]?.includes(what) || isLaidOut(what)
        ? []
        : [{ what, ours: outcome, theirs: theirs[i][1] }],
    );
    t.deepEqual(different, []);
  });
}
