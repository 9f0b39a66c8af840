// Controls a kernel in another process.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('programs/kernel.mjs', import.meta.url));

/**
 * Opens a store in another process.
 *
 * @param {'ours' | 'reference'} name
 * @param {string} dir
 */
export const makeHolder = async (name, dir) => {
  const child = fork(program, [name, dir], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
  const answer = async () => {
    const ended = once(child, 'exit').then(([code, signal]) => {
      throw Error(`the other process ended with ${signal ?? code}`);
    });
    const [said] = await Promise.race([once(child, 'message'), ended]);
    return said.answer;
  };
  await answer();
  return {
    /** @param {'write' | 'commit' | 'get' | 'blocks' | 'tryToWrite' | 'tryToOpen'} order */
    tell(order) {
      const answered = answer();
      child.send(order);
      return answered;
    },
    async close() {
      const closed = once(child, 'close');
      child.send('close');
      const [code, signal] = await closed;
      if (code !== 0) throw Error(`the other process ended with ${signal ?? code}`);
    },
    kill: () => child.kill('SIGKILL'),
  };
};
