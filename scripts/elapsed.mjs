/**
 * Shows that steps go on, and for how long: on a terminal, a line that changes every second; elsewhere, a line for each
 * step every half minute. The steps may run concurrently.
 *
 * Uses only Node.js itself, since nothing else may be installed yet.
 */

const TERMINAL_INTERVAL = 1000;
const LINE_INTERVAL = 30_000;

/** A duration in words: `9 s`, `2 min 5 s`. */
export const inWords = milliseconds => {
  const seconds = Math.floor(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
};

/**
 * @typedef {object} Step
 * @property {(detail: string) => void} note says what the step does at present
 * @property {(outcome: string) => void} end prints the step's last line: its name and the outcome
 */

/**
 * @param {object} [options]
 * @param {{ isTTY?: boolean, columns?: number, write: (text: string) => unknown }} [options.stream]
 * @param {() => number} [options.now] the time in milliseconds
 * @param {(act: () => void, milliseconds: number) => () => void} [options.every] calls `act` repeatedly; returns a function
 *   that ends that
 * @returns {{ begin: (name: string) => Step }}
 */
export const showElapsed = ({
  stream = process.stdout,
  now = () => performance.now(),
  every = (act, milliseconds) => {
    const timer = setInterval(act, milliseconds);
    return () => clearInterval(timer);
  },
} = {}) => {
  const running = new Map();
  let stop;

  const describe = ([name, { start, detail }]) => {
    const time = inWords(now() - start);
    return detail ? `${name}: ${time}, ${detail}` : `${name}: ${time}`;
  };
  const clear = () => {
    if (stream.isTTY) stream.write('\r\u001b[K');
  };
  const draw = () => {
    if (!stream.isTTY || running.size === 0) return;
    // The last column stays free, because some terminals wrap after it.
    const line = [...running].map(describe).join(' | ');
    stream.write(`\r\u001b[K${line.slice(0, (stream.columns || 80) - 1)}`);
  };
  const tick = () => {
    if (stream.isTTY) draw();
    else for (const step of running) stream.write(`${describe(step)}\n`);
  };

  const begin = name => {
    running.set(name, { start: now(), detail: '' });
    stop ??= every(tick, stream.isTTY ? TERMINAL_INTERVAL : LINE_INTERVAL);
    draw();
    return {
      note: detail => {
        const step = running.get(name);
        if (step) step.detail = detail;
      },
      end: outcome => {
        running.delete(name);
        clear();
        stream.write(`${name}: ${outcome}\n`);
        if (running.size === 0) {
          stop();
          stop = undefined;
        }
        draw();
      },
    };
  };
  return { begin };
};
