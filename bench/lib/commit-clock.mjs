/** Measures the time of an implementation's commits, which mostly wait for the disk. */

export const makeCommitClock = hostStorage => {
  let nanoseconds = 0n;
  const commit = async () => {
    const start = process.hrtime.bigint();
    await hostStorage.commit();
    nanoseconds += process.hrtime.bigint() - start;
  };
  return { commit, seconds: () => Number(nanoseconds) / 1e9 };
};
