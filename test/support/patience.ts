/** The longest that a test waits for anything, ms: far above what it takes, so that a slow machine does not fail it. */
export const PATIENCE = 15_000;
