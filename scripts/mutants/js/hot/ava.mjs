/** Replaces `ava` in a process that runs a test file repeatedly: the `test` of the current run. */
const test = new Proxy(() => {}, {
  get: (_, name) => globalThis.avaChain[name],
  apply: (_, self, args) => globalThis.avaChain(...args),
});

export default test;
