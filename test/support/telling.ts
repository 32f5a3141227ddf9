import { expect } from 'vitest';
import { type Rehup, rehup, witness } from './rehup.ts';
import { AT_ONCE } from './volume.ts';

/** A witness under rehup that is running already. */
export async function started(options: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const run = rehup([...options, ...AT_ONCE, ...witness('/dev/null')], { environment: more });
  await run.said('start');
  await run.logged('child.started');
  return run;
}

/** What was told of reloads and alarms, in order. */
export function outcomes(run: Rehup): readonly string[] {
  const told = [
    'reload.applied',
    'reload.failed',
    'watch.stale',
    'watch.fresh',
    'rehup.degraded',
    'rehup.recovered',
  ];
  return run
    .log()
    .map((line) => line.event)
    .filter((event) => told.includes(event));
}

/** The outcomes of a failed reload and of the one that mends it. */
export const FAILED_THEN_WELL = [
  'reload.failed',
  'watch.stale',
  'rehup.degraded',
  'reload.applied',
  'watch.fresh',
  'rehup.recovered',
];

/** Stops rehup, which must have made no mistake of its own. */
export async function stopped(run: Rehup): Promise<void> {
  run.signal('SIGTERM');
  expect(await run.ended).toBe(0);
  expect(run.log().filter((line) => line.event === 'rehup.internal_error')).toEqual([]);
}

/** Why the nth reload failed. */
export async function reason(run: Rehup, nth = 1): Promise<string> {
  return String((await run.logged('reload.failed', nth))['reason']);
}
