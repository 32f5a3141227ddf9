import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobOutcome } from '../../../src/core/state/job.ts';
import { watch } from '../../support/given.ts';
import { STAGE, supervisor } from '../../support/supervisor.ts';

/** Specification 3 and 5: what an action has said no to is not told again by itself, whatever was before. */

const CALL = 'http://127.0.0.1/-/reload';

const NO: readonly JobOutcome[] = [
  { kind: 'answered', status: 500 },
  { kind: 'exited', status: { kind: 'code', code: 1 }, output: '' },
];
const NOTHING: JobOutcome = { kind: 'failed', reason: 'reset (ECONNRESET)' };

const WATCHES = [
  [watch('/v', CALL)],
  [watch('/v', 'exec:tell')],
  [watch('/v', CALL), watch('/w', 'exec:tell')],
  [watch('/v', CALL), watch('/w', 'SIGHUP')],
  [watch('/v', 'exec:tell'), watch('/w', 'restart')],
];

/** Far above what a life needs to come to rest. */
const ROUNDS = 60;

test('a life whose every action says no comes to rest, and a look at the same content begins nothing', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...WATCHES),
      fc.constantFrom({}, STAGE, { minInterval: 10_000 }),
      fc.array(fc.nat(0xff), { maxLength: 40, size: 'max' }),
      (watches, change, choices) => {
        const run = supervisor({ watches, ...change });
        const no = (choice: number) => NO[choice % NO.length] ?? NOTHING;
        const fires = () => {
          const [next] = [...run.timers]
            .filter(([name]) => name !== 'poll')
            .sort(([, one], [, other]) => one - other);
          if (next === undefined) return false;
          run.elapses(next[0] as Parameters<typeof run.elapses>[0]);
          return true;
        };
        for (const choice of choices) {
          const detail = choice >> 3;
          if (choice % 8 < 2) run.changes(['one', 'two', 'three'][detail % 3] ?? '');
          else if (choice % 8 === 2) fires();
          else if (choice % 8 === 3) run.send({ type: 'hint' });
          else if (run.jobs.length > 0)
            run.ends(
              [NOTHING, no(detail), { kind: 'answered', status: 200 } as const][detail % 3] ?? NOTHING,
            );
        }
        let rounds = 0;
        for (; rounds < ROUNDS; rounds++) {
          if (run.jobs.length > 0) run.ends(no(rounds));
          else if (!fires()) break;
        }
        expect(rounds).toBeLessThan(ROUNDS);
        run.send({ type: 'hint' });
        expect(run.jobs).toEqual([]);
      },
    ),
    { numRuns: process.env['REHUP_SOAK'] === '1' ? 100_000 : 2_000, seed: 20_261_126 },
  );
});
