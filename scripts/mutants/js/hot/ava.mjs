/** What a test file gets for `ava` in a process that runs it again and again: the `test` of the run that is under way. */
const test = new Proxy(() => {}, {
  get: (_, name) => globalThis.avaChain[name],
  apply: (_, self, args) => globalThis.avaChain(...args),
});

export default test;
