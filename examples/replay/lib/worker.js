// Starts xsnap workers and speaks with the supervisor inside them, as a kernel does.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

import { Divergence } from './divergence.js';
import { ReplayError } from './errors.js';

/** The largest message that a kernel accepts from a worker. */
const MAX_MESSAGE_BYTES = 12_000_000;

/** Exit codes of a worker that reached a limit, and the problem that a kernel reports as the result of the delivery. */
const EXCEEDED = {
  11: 'Allocate meter exceeded',
  12: 'Stack meter exceeded',
  17: 'Compute meter exceeded',
};

/** Signals that a worker causes itself. Others come from outside, for example from the system that lacks memory. */
const CRASHES = ['SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGSEGV', 'SIGTRAP'];

/** Whether xsnap reports with this error that the code in the worker failed, or that the worker ended. */
const isWorkersFault = ({ name, code, message }) =>
  name === 'ExitCode' ||
  (name === 'ExitSignal' && CRASHES.includes(code)) ||
  /^Uncaught exception in |^xsnap protocol error|^Snapshot size does not match| exited$/.test(message);

/** Throws what an error of xsnap means for the replay. */
const fail = error => {
  if (error instanceof Divergence || !(error instanceof Error)) throw error;
  if (isWorkersFault(error)) throw new Divergence('worker', { problem: error.message, exitCode: error.code });
  if (error.name === 'ExitSignal') {
    throw new ReplayError(`${error.message}: something else ended the worker. Does the system lack memory?`);
  }
  throw error;
};

/** Errors of writing to a worker that has ended, or is about to. */
const BROKEN = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_PREMATURE_CLOSE'];

/** How long a worker that no longer reads may take to end, in milliseconds. */
const GRACE = 2000;

/** The error that says how a worker ended, instead of that it could not be written to. */
const explainBroken = async (error, exited) => {
  if (!BROKEN.includes(error?.code)) return error;
  const { code, endedBy } = await Promise.race([exited, delay(GRACE, {}, { ref: false })]);
  if (endedBy)
    return Object.assign(Error(`the worker exited due to signal ${endedBy}`), { name: 'ExitSignal', code: endedBy });
  const how = code === undefined ? 'no longer reads what it is sent' : `exited with code ${code}`;
  return Object.assign(Error(`the worker ${how}`), { name: 'ExitCode', code });
};

/** Throws unless a file is a program. */
const checkProgram = (file, isChosen) => {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    if (fs.statSync(file).isFile()) return;
  } catch {
    // The error says what to do.
  }
  throw new ReplayError(
    isChosen
      ? `--worker-program ${file} is not an executable file`
      : `${file} is missing, so the workers are not compiled: run "npm rebuild @agoric/xsnap", which needs make and cc`,
  );
};

/**
 * @param {object} powers
 * @param {(options: object) => Promise<any>} powers.xsnap the function of `@agoric/xsnap`
 * @param {AbortSignal} powers.signal kills all workers
 * @param {string} [powers.program] the worker's program [default: the one of `@agoric/xsnap`]
 * @param {(...words: unknown[]) => void} [powers.onConsole] receives what a vat writes to its console
 */
export const makeWorkerStarter = ({ xsnap, signal, program, onConsole }) => {
  /**
   * Starts a worker: from a heap image, or from bundles.
   *
   * @param {object} start
   * @param {string} start.vatID
   * @param {boolean} start.metered whether the worker has a limit for computrons
   * @param {string} [start.imageFile]
   * @param {object[]} [start.workerBundles] what the worker evaluates, in order
   * @param {object} [start.vatBundle] the vat's code
   * @param {object} [start.liveSlotsOptions]
   */
  const startWorker = async ({ vatID, metered, imageFile, workerBundles, vatBundle, liveSlotsOptions }) => {
    let answer;
    let isEnded = false;

    const handle = ([type, ...args]) => {
      switch (type) {
        case 'syscall': {
          if (!answer) throw new Divergence('worker', { problem: 'it made a system call outside of a delivery' });
          return answer(args[0]);
        }
        case 'sourcedConsole': {
          onConsole?.(vatID, ...args);
          return ['ok'];
        }
        case 'testLog': {
          onConsole?.(vatID, 'testLog', ...args);
          return ['OK'];
        }
        default:
          throw new Divergence('worker', { problem: `it sent a message of the unknown type ${JSON.stringify(type)}` });
      }
    };
    const handleCommand = async message =>
      new TextEncoder().encode(JSON.stringify(handle(JSON.parse(new TextDecoder().decode(message)))));

    let reportSpawnError;
    const spawnFailed = new Promise((_resolve, reject) => {
      reportSpawnError = error => reject(new ReplayError(`the worker does not start: ${error.message}`));
    });
    spawnFailed.catch(() => {});
    let reportExit;
    const exited = new Promise(resolve => {
      reportExit = (code, endedBy) => resolve({ code, endedBy });
    });
    const spawnWorker = (usual, args, options) => {
      const file = program ?? usual;
      checkProgram(file, program !== undefined);
      const child = spawn(file, args, { ...options, signal, killSignal: 'SIGKILL' });
      child.on('error', reportSpawnError);
      child.on('exit', reportExit);
      return child;
    };

    const worker = await xsnap({
      os: os.type(),
      spawn: spawnWorker,
      fs: { ...fs.promises, createReadStream: fs.createReadStream },
      name: `replay:${vatID}`,
      handleCommand,
      netstringMaxChunkSize: MAX_MESSAGE_BYTES,
      stdout: 'ignore',
      stderr: onConsole ? 'inherit' : 'ignore',
      ...(metered ? {} : { meteringLimit: 0 }),
      ...(imageFile && { snapshotStream: fs.createReadStream(imageFile), snapshotDescription: vatID }),
    });

    const attempt = async work => {
      try {
        return await Promise.race([work, spawnFailed]);
      } catch (error) {
        return fail(await explainBroken(error, exited));
      }
    };
    const issue = async command => {
      const { reply, meterUsage } = await attempt(worker.issueStringCommand(JSON.stringify(command)));
      if (reply === '') throw new Divergence('worker', { problem: 'it became idle without a result' });
      return { reply: JSON.parse(reply), meterUsage };
    };

    const terminate = async () => {
      isEnded = true;
      await worker.terminate();
    };
    const close = async () => {
      if (isEnded) return;
      isEnded = true;
      await attempt(worker.close());
    };

    const begin = async () => {
      if (imageFile) {
        await attempt(worker.isReady());
        return;
      }
      for (const { source } of workerBundles) await attempt(worker.evaluate(`(${source}\n)()`.trim()));
      const { reply } = await issue(['setBundle', vatID, vatBundle, liveSlotsOptions]);
      if (reply[0] !== 'dispatchReady') {
        throw new Divergence('worker', { problem: `it does not load the vat's bundle: ${reply.slice(1).join(': ')}` });
      }
    };
    try {
      await begin();
    } catch (error) {
      await terminate();
      throw error;
    }

    return {
      /**
       * Delivers a message.
       *
       * @param {unknown[]} delivery
       * @param {(syscall: unknown[]) => unknown[]} answerSyscall
       * @returns {Promise<{ status: string, problem?: string, computrons?: number }>}
       */
      async deliver(delivery, answerSyscall) {
        answer = answerSyscall;
        try {
          const { reply, meterUsage } = await issue(['deliver', delivery]);
          const [status, problem] = reply;
          return {
            status,
            problem: status === 'ok' ? undefined : problem,
            computrons: meterUsage?.compute ?? undefined,
          };
        } catch (error) {
          const problem = error instanceof Divergence && EXCEEDED[error.details.exitCode];
          if (!problem) throw error;
          return { status: 'error', problem };
        } finally {
          answer = undefined;
        }
      },

      /** Returns the heap image. The worker can continue after it was read. */
      async *makeImage() {
        try {
          yield* worker.makeSnapshotStream(vatID);
        } catch (error) {
          fail(await explainBroken(error, exited));
        }
      },

      /** Ends the worker after its last answer. */
      close,

      /** Kills the worker. */
      terminate,
    };
  };

  return startWorker;
};
