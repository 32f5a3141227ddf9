import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import process from 'node:process';
import { stripVTControlCharacters } from 'node:util';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** What `npm test` tells of a run of vitest. */
export type Results = {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed and why, one text each. */
  readonly failures: readonly string[];
};

/** The environment variable that names the file to which they are written; nothing is where it is not set. */
export const RESULTS_FILE = 'REHUP_TEST_RESULTS';

/** What is told of a failure, lines: of a program that was waited for in vain, what it said first and last. */
const FIRST_LINES = 20;
const LAST_LINES = 40;

/** A reporter of vitest's: writes {@link Results}, with the differences that its own JSON leaves out. */
export class ResultsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const file = process.env[RESULTS_FILE];
    if (file === undefined) return;
    const failures = errors.map((error) => told('outside of any test', error));
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      const name = relative(process.cwd(), module.moduleId);
      const outside = [module, ...module.children.allSuites()].flatMap((one) => one.errors());
      failures.push(...outside.map((error) => told(name, error)));
      counts.failed += outside.length;
      for (const test of module.children.allTests()) {
        const { state, errors: own = [] } = test.result();
        counts[state] += 1;
        failures.push(...own.map((error) => told(`${name}: ${test.fullName}`, error)));
      }
    }
    const { passed, failed, skipped, pending } = counts;
    const results: Results = { passed, failed: failed + errors.length, skipped: skipped + pending, failures };
    writeFileSync(file, JSON.stringify(results));
  }
}

function told(what: string, { message, diff = '', stacks = [] }: SerializedError): string {
  const [place] = stacks;
  const at = place === undefined ? '' : `\nat ${relative(process.cwd(), place.file)}:${place.line}`;
  const text = stripVTControlCharacters(`${what}: ${message}${at}\n${diff}`).trim();
  const lines = text.split('\n');
  const most = FIRST_LINES + LAST_LINES;
  const shown =
    lines.length <= most ? lines : [...lines.slice(0, FIRST_LINES), '…', ...lines.slice(-LAST_LINES)];
  return shown.join('\n    ');
}
