/**
 * The longest that a test waits for anything, ms: far above what it takes, so that a slow machine does not fail it. The
 * sanitized build is slower still.
 */
export const PATIENCE = process.env['REHUP_BIN']?.endsWith('-asan') ? 120_000 : 60_000;

/**
 * What rehup is told to wait for where a test waits it out: what keeps within it does so on a machine that stands still for a
 * while.
 */
export const IN_TIME = '8s';
