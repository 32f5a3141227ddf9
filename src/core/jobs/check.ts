import { describeStatus, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND } from '../process/exit.ts';
import type { JobOutcome } from '../state/job.ts';
import type { CheckWord } from '../state/settings.ts';
import { textOfBytes } from '../text/bytes.ts';

/** What a check, or any command of ours, says about the content. */
export type Verdict =
  | { readonly kind: 'pass' }
  /** It was looked at and found bad. */
  | { readonly kind: 'bad'; readonly reason: string }
  /** It was not looked at: nothing is known about it. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** Only an exit code other than 0, 126 and 127 speaks of the content (specification 3 and 5). */
export function verdictOf(outcome: JobOutcome): Verdict {
  switch (outcome.kind) {
    case 'connected':
      return { kind: 'pass' };
    case 'failed':
      return { kind: 'unknown', reason: outcome.reason };
    case 'answered':
      return outcome.status >= 200 && outcome.status < 300
        ? { kind: 'pass' }
        : { kind: 'bad', reason: `answered ${outcome.status}` };
    case 'exited': {
      const { status } = outcome;
      if (status.kind === 'signal') return { kind: 'unknown', reason: describeStatus(status) };
      if (status.code === 0) return { kind: 'pass' };
      const unrun = status.code === EXIT_NOT_EXECUTABLE || status.code === EXIT_NOT_FOUND;
      return { kind: unrun ? 'unknown' : 'bad', reason: `exited with ${status.code}` };
    }
    default:
      return outcome satisfies never;
  }
}

/** The same of a health check: where the kubelet is as lenient, any status from 200 to 399 will do. */
export function servesBy(outcome: JobOutcome, lenient: boolean): Verdict {
  const redirected = outcome.kind === 'answered' && outcome.status >= 300 && outcome.status < 400;
  return lenient && redirected ? { kind: 'pass' } : verdictOf(outcome);
}

/** The words of a check, with the directories of the new content put in. */
export function checkWords(
  words: readonly CheckWord[],
  directoryOf: (source: string) => string,
): readonly string[] {
  return words.map((word) =>
    word.map((part) => (typeof part === 'string' ? part : directoryOf(part.source))).join(''),
  );
}

/** Lines of a check's output that are logged (specification 4.8). */
const OUTPUT_LINES = 20;

/** The last lines of what a command wrote, as text. */
export function outputLines(output: string): readonly string[] {
  // Not trimEnd(): in a byte string it takes the last byte of an à for a blank.
  const lines = output.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  while (lines.length > 1 && /^[ \t]*$/.test(lines.at(-1) ?? '')) lines.pop();
  return lines.slice(-OUTPUT_LINES).map(textOfBytes);
}
