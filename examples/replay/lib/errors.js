// The errors that end a replay without a result.

/** The command line is wrong. */
export class UsageError extends Error {}

/** The replay is impossible. The message says why, and what to do. */
export class ReplayError extends Error {}
