import { sameSnapshot } from '../../src/core/files/snapshot.ts';
import type { State } from '../../src/core/state/state.ts';

type Surroundings = {
  readonly paths: readonly string[];
  /** What these hold now. */
  readonly contents: readonly string[];
  /** Whether rehup could not signal the child, which is no fault of the content. */
  readonly unpermitted: boolean;
};

/** The promises about a child that runs, once nothing more happens. */
export function checkSettled(
  state: State,
  { paths, contents, unpermitted }: Surroundings,
  check: (promise: boolean, what: string) => void,
): void {
  check(state.child.phase === 'running', `settled while the child is ${state.child.phase}`);
  const { configuration } = state;
  const told = paths.map((path) => configuration.told.get(path)?.digest ?? '');
  const barred = paths.map((path) => configuration.barred?.get(path)?.digest ?? '');
  const { applied, told: known, seen, barred: bad } = configuration;
  const refused = bad !== undefined && sameSnapshot(bad, seen);
  check(unpermitted || configuration.unanswered === undefined || refused, 'it was never told with an answer');
  const good = applied !== undefined && sameSnapshot(applied, seen) && sameSnapshot(known, seen);
  // One that was started and does not serve is a reason by itself.
  const serves = state.readiness.phase !== 'late';
  check(
    unpermitted ||
      !good ||
      !serves ||
      (configuration.degraded === undefined && configuration.stale.length === 0),
    'an alarm that does not end though the application runs on the last content',
  );
  for (const [index, text] of contents.entries()) {
    // An empty volume keeps the last state, whatever that was.
    if (text !== '')
      check(
        [told[index], barred[index]].includes(`digest of ${text}`),
        `the last content ${text} was never told, nor found bad`,
      );
  }
}
