// Compares messages under the default taming of errors, in a separate process: unquoted details read "(a string)" there.
// Prints the differences.
import '@endo/init';

const { assertSame } = await import('../../common/compare.mjs');
const { errorScenarios } = await import('../wrong-calls.mjs');
const { lifecycleScenarios } = await import('../lifecycle-scenarios.mjs');
const { playScenario } = await import('../../common/scenarios.mjs');
const { reference, subject } = await import('../../common/implementations.mjs');

const some = ['wrong options', 'wrong options of an import', 'methods after close', 'key types and bundle names'];
const scenarios = {
  ...errorScenarios,
  ...Object.fromEntries(some.map(name => [name, lifecycleScenarios[name]])),
};

const differences = [];
let redacted = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  const ours = await playScenario(subject, scenario);
  const theirs = await playScenario(reference, scenario);
  redacted +=
    JSON.stringify(theirs, (_key, value) => (typeof value === 'bigint' ? `${value}` : value)).split('(a string)')
      .length - 1;
  try {
    assertSame(ours, theirs, name);
  } catch (error) {
    differences.push(error.message);
  }
}
console.log(JSON.stringify({ differences, redacted }));
