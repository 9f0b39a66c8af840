// A stand-in for the function of @agoric/xsnap: its workers know what a vat does at each delivery, and their heap is the
// position that they have reached.
import { Buffer } from 'node:buffer';

const encode = value => new TextEncoder().encode(JSON.stringify(value));
const decode = bytes => JSON.parse(new TextDecoder().decode(bytes));

/** The heap image that `addVat` of `history-store.mjs` saves. */
export const heapImage = (vatID, position) => Buffer.from(`heap of ${vatID} ${position} `.repeat(100));

const readAll = async stream => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

/** The error with which xsnap reports the end of a worker: `ExitCode` with a number, or `ExitSignal` with a name. */
export const workerEnded = (name, code) => Object.assign(Error(`the worker exited: ${code}`), { name, code });

/**
 * Makes an `xsnap` whose workers do what `items` say: they make the recorded system calls, and fail if an answer is not
 * the recorded one.
 *
 * @param {{ position: number, item: string }[]} items the items of a vat, as they were recorded
 * @param {object} [faults]
 * @param {(image: Buffer, position: number) => Buffer} [faults.image] changes an image that a worker makes
 * @param {(delivery: { position: number, restarted: boolean }) => void} [faults.deliver] may throw
 * @param {number} [faults.computrons] is added to the number of computrons
 * @returns the function, and a list of what its workers were asked to do
 */
export const makeFakeXsnap = (items, { image = made => made, deliver = () => {}, computrons = 0 } = {}) => {
  const known = new Map();
  for (const { position, item } of items) {
    const entry = JSON.parse(item);
    known.set(JSON.stringify(entry.d), { position, ...entry });
  }
  const log = [];
  let running = 0;

  const xsnap = async ({ name, handleCommand, snapshotStream, meteringLimit }) => {
    const restarted = snapshotStream !== undefined;
    let vatID;
    let position;
    let isRunning = true;
    running += 1;
    if (restarted) {
      const [, id, at] = /^heap of (\S+) (\d+) /.exec(await readAll(snapshotStream));
      vatID = id;
      position = Number(at);
    }
    log.push({ start: restarted ? position : 'bundles', name, meteringLimit });
    const end = () => {
      running -= isRunning ? 1 : 0;
      isRunning = false;
    };

    const respond = async ([command, ...args]) => {
      if (command === 'setBundle') {
        log.push({ setBundle: args });
        [vatID] = args;
        if (args[1].refused) return ['err', 'TypeError', 'no such module'];
        position = 0;
        return ['dispatchReady'];
      }
      const entry = known.get(JSON.stringify(args[0]));
      if (!entry) return ['error', 'unknown delivery', null];
      position = entry.position;
      deliver({ position, restarted });
      for (const { s, r } of entry.sc) {
        const answer = decode(await handleCommand(encode(['syscall', s])));
        if (JSON.stringify(answer) !== JSON.stringify(r)) {
          await handleCommand(encode(['syscall', ['vatstoreSet', 'unexpected', JSON.stringify(answer)]]));
        }
      }
      decode(await handleCommand(encode(['sourcedConsole', 'vat', 'log', `at ${position}`])));
      position += 1;
      return [entry.r.status, entry.r.status === 'ok' ? null : 'an error', null];
    };

    return {
      isReady: async () => {},
      evaluate: async code => void log.push({ evaluate: code }),
      async issueStringCommand(text) {
        const command = JSON.parse(text);
        const reply = await respond(command);
        const recorded = command[0] === 'deliver' && known.get(JSON.stringify(command[1]))?.r.metering?.computrons;
        return {
          reply: JSON.stringify(reply),
          meterUsage: { compute: (recorded || 0) + computrons },
        };
      },
      async *makeSnapshotStream() {
        yield image(heapImage(vatID, position), position);
      },
      close: async () => end(),
      terminate: async () => end(),
    };
  };
  return { xsnap, log, running: () => running };
};
