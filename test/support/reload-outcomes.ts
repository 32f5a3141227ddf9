const OUTCOMES = [
  'reload.applied',
  'reload.failed',
  'reload.rejected',
  'reload.rolled_back',
  'reload.superseded',
];

/** Keeps what the log says of reloads, by their numbers: each that is named has one outcome in the end. */
export function reloadOutcomes(check: (promise: boolean, what: string) => void) {
  const outcomes = new Map<number, readonly string[]>();
  return {
    observe(event: string, reload: number): void {
      const known = outcomes.get(reload) ?? [];
      if (OUTCOMES.includes(event)) outcomes.set(reload, [...known, event]);
      else if (event === 'reload.started') outcomes.set(reload, known);
    },
    checkEnded(): void {
      for (const [id, ends] of outcomes)
        check(ends.length === 1, `reload ${id} has ${ends.length} outcomes: ${ends}`);
    },
  };
}
