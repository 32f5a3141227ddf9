import { defineConfig } from 'vitest/config';
import { ResultsReporter } from './scripts/results-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/leftovers.ts'],
    setupFiles: ['test/support/no-group-kill.ts'],
    // Far above what any test takes, so that a slow machine does not fail one.
    testTimeout: 300_000,
    hookTimeout: 600_000,
    // Most tests wait for a process most of the time: by itself vitest leaves one of two cores unused, and much of the other.
    maxWorkers: 3,
    reporters: ['default', new ResultsReporter()],
  },
});
