/**
 * The longest that a test waits for anything, ms: far above what it takes, so that a slow machine does not fail it. The
 * sanitized build is slower still.
 */
export const PATIENCE = process.env['REHUP_BIN']?.endsWith('-asan') ? 120_000 : 60_000;
