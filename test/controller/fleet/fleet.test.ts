import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GRACE } from '../../../src/controller/core/fleet/slots.ts';
import { FleetWorld } from './fleet-world.ts';

/** Slots of a fleet on Leases (specification 9.5). */

const PODS = ['a', 'b', 'c', 'd', 'e', 'f'];

function world(most: number): FleetWorld {
  const made = new FleetWorld(most);
  for (const uid of PODS) made.pods.set(uid, 'ready');
  return made;
}

function take(fleet: FleetWorld, uid: string): string {
  const answer = fleet.ask(uid);
  while (fleet.flights.length > 0) fleet.land();
  return answer;
}

describe('slots', () => {
  test('are as many as there are, and the same for who asks again', () => {
    const fleet = world(2);
    expect(['a', 'b', 'c', 'a'].map((uid) => take(fleet, uid))).toEqual(['take', 'take', 'full', 'held']);
    fleet.giveBack('a');
    expect(take(fleet, 'c')).toBe('take');
    expect(fleet.holders().toSorted()).toEqual(['b', 'c']);
    expect([...fleet.leases.keys()]).toEqual(['rehup-0.deployment.web', 'rehup-1.deployment.web']);
  });

  test('of two that read the same one loses', () => {
    const fleet = world(1);
    expect([fleet.ask('a'), fleet.ask('b')]).toEqual(['take', 'take']);
    fleet.land();
    fleet.land();
    expect(fleet.holders()).toEqual(['a']);
    expect(take(fleet, 'b')).toBe('full');
  });

  test('that are held above a number that was lowered count', () => {
    const fleet = world(3);
    for (const uid of ['a', 'b', 'c']) take(fleet, uid);
    fleet.most = 1;
    for (const uid of ['a', 'b']) {
      fleet.giveBack(uid);
      expect(take(fleet, 'd')).toBe('full');
    }
    fleet.giveBack('c');
    expect(take(fleet, 'd')).toBe('take');
  });

  test('of a pod that was Ready when it was deleted are free after 30 s', () => {
    const fleet = world(1);
    take(fleet, 'a');
    fleet.tend();
    // Its containers end, and it is not Ready any more.
    fleet.pods.set('a', 'ending');
    fleet.tend();
    expect(take(fleet, 'b')).toBe('full');
    fleet.kill('a');
    fleet.tend();
    fleet.pass(GRACE - 1);
    expect(take(fleet, 'b')).toBe('full');
    fleet.pass(1);
    expect(take(fleet, 'b')).toBe('take');
  });

  test('of a pod that was not Ready when it was deleted halt the group, until the content changes', () => {
    const fleet = world(2);
    take(fleet, 'a');
    fleet.pods.set('a', 'unready');
    fleet.tend();
    fleet.kill('a');
    fleet.tend();
    fleet.pass(10 * GRACE);
    expect(take(fleet, 'b')).toBe('halted');
    fleet.content = 'two';
    expect(take(fleet, 'b')).toBe('take');
    expect(take(fleet, 'c')).toBe('take');
  });

  test('of a group that is halted are had again when somebody says so', () => {
    const fleet = world(1);
    take(fleet, 'a');
    fleet.pods.set('a', 'unready');
    fleet.tend();
    fleet.kill('a');
    fleet.tend();
    fleet.resumed = fleet.now - 1;
    expect(take(fleet, 'b')).toBe('halted');
    fleet.resumed = fleet.now + 1;
    expect(take(fleet, 'b')).toBe('take');
  });

  test('are not taken from a pod that is there after all', () => {
    const fleet = world(1);
    take(fleet, 'a');
    fleet.pods.set('a', 'gone');
    fleet.tend();
    fleet.pods.set('a', 'ready');
    fleet.pass();
    expect(take(fleet, 'b')).toBe('full');
    fleet.tend();
    expect(fleet.slots().map(({ gone }) => gone)).toEqual([undefined]);
  });
});

type Step =
  | { readonly type: 'ask' | 'return' | 'unready' | 'end' | 'kill'; readonly pod: string }
  | { readonly type: 'land' | 'tend' | 'pass' | 'change' | 'resume' };

const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ type: fc.constant('ask' as const), pod: fc.constantFrom(...PODS) }) },
    fc.record({
      type: fc.constantFrom('return' as const, 'unready' as const, 'end' as const, 'kill' as const),
      pod: fc.constantFrom(...PODS),
    }),
    { weight: 3, arbitrary: fc.record({ type: fc.constant('land' as const) }) },
    fc.record({
      type: fc.constantFrom('tend' as const, 'pass' as const, 'change' as const, 'resume' as const),
    }),
  ),
  { maxLength: 80 },
);

let contents = 0;

function perform(fleet: FleetWorld, step: Step): void {
  switch (step.type) {
    case 'ask':
      fleet.ask(step.pod);
      return;
    case 'return':
      fleet.giveBack(step.pod);
      return;
    case 'unready':
      if (fleet.pods.get(step.pod) === 'ready') fleet.pods.set(step.pod, 'unready');
      return;
    case 'end':
      if (fleet.isThere(step.pod)) fleet.pods.set(step.pod, 'ending');
      return;
    case 'kill':
      fleet.kill(step.pod);
      return;
    case 'land':
      fleet.land();
      return;
    case 'tend':
      fleet.tend();
      return;
    case 'pass':
      fleet.pass();
      return;
    case 'change':
      contents += 1;
      fleet.content = `content ${contents}`;
      return;
    case 'resume':
      fleet.pass(1);
      fleet.resumed = fleet.now;
      return;
    default:
      step satisfies never;
  }
}

const RUNS = process.env['REHUP_SOAK'] === '1' ? 20_000 : 500;

describe('whatever happens, and however old what was read is', () => {
  test('never more than N pods hold a slot, and a slot that is not held is had again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), steps, (most, all) => {
        const fleet = world(most);
        for (const step of all) {
          perform(fleet, step);
          const there = new Set(fleet.holders().filter((uid) => fleet.isThere(uid)));
          expect(there.size).toBeLessThanOrEqual(most);
        }
        // Everybody goes; the controllers may have been others all the time, since nothing is known but the Leases.
        while (fleet.flights.length > 0) fleet.land();
        for (const uid of PODS) fleet.kill(uid);
        fleet.tend();
        fleet.pass();
        fleet.resumed = fleet.now;
        fleet.pass();
        const fresh = ['u', 'v', 'w', 'x', 'y'];
        for (const uid of fresh) fleet.pods.set(uid, 'ready');
        const answers = fresh.map((uid) => take(fleet, uid));
        expect(answers.filter((answer) => answer === 'take')).toHaveLength(most);
      }),
      { numRuns: RUNS },
    );
  });

  test('content that a holder did not survive is granted to nobody else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), steps, (most, all) => {
        const fleet = world(most);
        for (const step of all) {
          perform(fleet, step);
          // Each step is seen by the leader at once here.
          fleet.tend();
          const halting = fleet.slots().filter(({ gone, wasReady, acquired, content }) => {
            if (gone === undefined || wasReady) return false;
            return content === fleet.content && fleet.resumed <= acquired;
          });
          for (const uid of PODS)
            if (halting.length > 0 && fleet.isThere(uid) && !fleet.holders().includes(uid))
              expect(fleet.ask(uid)).toBe('halted');
        }
      }),
      { numRuns: RUNS },
    );
  });
});
