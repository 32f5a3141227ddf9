import { act, type settings, watch } from './given.ts';
import { scenario } from './scenario.ts';

/** A supervisor of one signalled child, as the sequences about checks, stages and reloads begin with it. */

export type Change = Parameters<typeof settings>[0];

export const CHECK: Change = { check: [['check'], [{ source: '/v' }]] };
export const STAGE: Change = { stages: [{ source: '/v', target: '/t' }] };
export const SIGNAL = 'reload 1 to child 101 if caught';
export const FRESH = ['watch.fresh', 'rehup.recovered'];

/** One that signals HUP, with a child that has started on the content `one`, good and verified. */
export function supervisor(change: Change = {}) {
  const run = scenario({ watches: [watch('/v', 'SIGHUP')], onChange: act('SIGHUP'), ...change });
  run.begin();
  if (change?.check !== undefined) run.ran(0);
  return run;
}
