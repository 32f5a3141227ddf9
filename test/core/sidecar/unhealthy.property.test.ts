import fc from 'fast-check';
import { expect, test } from 'vitest';
import { settings } from '../../support/given.ts';
import { simulatedPod } from '../../support/pod.ts';

/**
 * Specification 7, the rule of what a start has read: in every order of changes, probes, stops, starts, hooks, strangers, ends of
 * the application by itself and of the sidecar, the application ends on the last content, and is never restarted twice for the same.
 */

const SOAK = process.env['REHUP_SOAK'] === '1';
const RUNS = SOAK ? 20_000 : 400;

const UNHEALTHY = { kind: 'unhealthy' } as const;
const READY = { kind: 'tcp', endpoint: { host: '127.0.0.1', port: 80, text: 'tcp://127.0.0.1:80' } } as const;

const anySettings = fc.record({
  settle: fc.constantFrom(0, 3_000),
  minInterval: fc.constantFrom(0, 10_000, 60_000),
  verify: fc.constantFrom(0, 5_000),
  ready: fc.constantFrom(undefined, READY),
  poll: fc.constant(10_000),
  check: fc.constantFrom(undefined, [['check']]),
});

/** What happens, and how long after what happened before, ms. */
const anyEvent = fc.tuple(
  fc.constantFrom(
    ...['change', 'change', 'change', 'change', 'back', 'crash', 'kill 5', 'kill 30', 'kill 60'],
    ...['stranger', 'stranger started', 'stranger livez'],
  ),
  fc.oneof(fc.nat(500), fc.nat(10_000), fc.nat(120_000)),
);

type Of<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Value> ? Value : never;
type Chosen = Of<typeof anySettings>;
type Life = [Chosen, Of<typeof anyEvent>[], number[]];

const PLAIN: Chosen = {
  settle: 0,
  minInterval: 0,
  verify: 0,
  ready: undefined,
  poll: 10_000,
  check: undefined,
};
const CHECKED: Chosen = { ...PLAIN, check: [['check']] };

/** Orders that were once found, in which what one life of the sidecar knew was lost to the next. */
const FOUND: Life[] = [
  [
    CHECKED,
    [
      ['change', 0],
      ['kill 60', 0],
      ['kill 60', 80_000],
      ['kill 5', 60_000],
    ],
    [59_000, 0, 0, 5_816, 0, 4_185, 13_449, 41_551],
  ],
  [
    CHECKED,
    [
      ['kill 5', 0],
      ['change', 0],
      ['kill 5', 5_337],
      ['back', 332],
      ['kill 5', 4_669],
    ],
    [4_669],
  ],
  [
    PLAIN,
    [
      ['change', 0],
      ['crash', 41_000],
      ['change', 0],
      ['back', 1_796],
      ['kill 5', 0],
      ['kill 5', 5_000],
    ],
    [10_000, 0, 0, 0, 47_796],
  ],
  [
    PLAIN,
    [
      ['change', 0],
      ['kill 60', 35_000],
      ['change', 0],
      ['back', 35_818],
    ],
    [2_174, 11_826, 254, 30_564, 24_182],
  ],
  [
    CHECKED,
    [
      ['change', 1_000],
      ['kill 5', 0],
    ],
    [0, 1_001, 5_000],
  ],
  [
    PLAIN,
    [
      ['stranger started', 0],
      ['change', 1_000],
      ['kill 5', 30_000],
      ['back', 0],
    ],
    [0],
  ],
  [
    PLAIN,
    [
      ['stranger started', 0],
      ['change', 0],
      ['change', 0],
      ['stranger livez', 29_914],
      ['kill 60', 61_086],
    ],
    [0, 25_000],
  ],
  [
    CHECKED,
    [
      ['change', 25_671],
      ['crash', 5_329],
    ],
    [0, 16_000, 0],
  ],
];

test.each([{ names: [''] }, { names: ['web', 'worker'] }])(
  '$names: the application ends on the last content, and is never restarted twice for the same',
  ({ names }) => {
    let restarts = 0;
    let disturbed = 0;
    fc.assert(
      fc.property(
        anySettings,
        fc.array(anyEvent, { maxLength: 25 }),
        fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 50 }),
        (chosen, events, durations) => {
          let at = 0;
          const usual = {
            sidecar: true,
            command: [],
            onChange: UNHEALTHY,
            watches: [{ path: '/v', action: UNHEALTHY }],
          };
          const pod = { state: '/state', growing: false, health: undefined, healthTimeout: 800 };
          const life = simulatedPod(
            settings({ ...usual, pod, ...chosen }),
            () => durations[at++ % durations.length] ?? 0,
            names,
          );
          let version = 0;
          for (const [event, wait] of events) {
            life.passes(wait);
            if (event === 'change') life.changes(String(++version));
            else if (event === 'back') life.changes(String(Math.max(0, version - 1)));
            else if (event === 'crash') life.crashes();
            else if (event === 'stranger') life.stranger();
            else if (event === 'stranger started') life.madeUp('started');
            else if (event === 'stranger livez') life.madeUp('livez');
            else life.killed(Number(event.slice('kill '.length)) * 1_000);
          }
          life.settles();
          restarts += life.restarts();
          if (life.disturbed()) disturbed += 1;
        },
      ),
      { numRuns: RUNS, examples: FOUND, ...(SOAK ? {} : { seed: 20_261_126 }) },
    );
    // They were really restarted, and strangers taken for them, so that both promises were tried.
    expect(restarts).toBeGreaterThan(RUNS);
    expect(disturbed).toBeGreaterThan(RUNS / 20);
  },
);
