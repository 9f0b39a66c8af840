import process from 'node:process';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';

/** The options `--rounds` and `--seed` of a program that spoils input at random. The default seed is random. */
export const readRounds = () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '10000' },
      seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    },
  });
  return { rounds: Number(values.rounds), seed: Number(values.seed) };
};

/**
 * Runs rounds with a progress bar, and prints what `run` counted. A failure names the seed and fails the process.
 *
 * @param {string} what  what a round consumes, such as `archives`
 * @param {{ rounds: number, seed: number }} options
 * @param {(onRound: () => void) => Promise<object>} run
 */
export const runRounds = async (what, { rounds, seed }, run) => {
  const bar = new SingleBar({
    format: `{bar} {value}/{total} ${what}, {eta_formatted} left`,
    noTTYOutput: true,
    notTTYSchedule: 30_000,
  });
  const begun = performance.now();
  bar.start(rounds, 0);
  try {
    const figures = await run(() => bar.increment());
    bar.stop();
    console.log({ seed, seconds: Math.round((performance.now() - begun) / 1000), ...figures });
  } catch (error) {
    bar.stop();
    console.error(`seed ${seed}: ${error.message}`);
    process.exitCode = 1;
  }
};
