/** Tells how much of the time went into commits, most of which is waiting for the disk, for any implementation. */

export const makeCommitClock = hostStorage => {
  let nanoseconds = 0n;
  const commit = async () => {
    const start = process.hrtime.bigint();
    await hostStorage.commit();
    nanoseconds += process.hrtime.bigint() - start;
  };
  return { commit, seconds: () => Number(nanoseconds) / 1e9 };
};
