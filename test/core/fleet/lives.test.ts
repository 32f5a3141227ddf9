import { describe, expect, test } from 'vitest';
import { fleet, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';
import { type Change, STAGE, supervisor } from '../../support/supervisor.ts';

/** Starts in a fleet, and the ways in which one could stand still (specification 5.2), as sequences of events. */

const FLEET: Change = { fleet: fleet(), verify: 5_000 };
const FULL = '{"kind":"all_slots_full","value":"web-2 holds it"}';

/** One whose first life is verified, and whose earlier lives hold nothing any more. */
function settled(change: Change = {}) {
  const run = supervisor({ ...FLEET, ...change });
  expect(run.elapses('verify-start')).toContainEqual(expect.stringContaining('steady-state'));
  run.replies(200);
  return run;
}

function contentOf(text: string) {
  const reading = volumeReading(text);
  if (reading.status !== 'read') throw new Error('no content');
  return reading.content;
}

const GOOD = { name: '..rehup_0', content: contentOf('zero') };
const OPENED = { op: 'opened', stages: [{ inMemory: false, active: GOOD, good: GOOD }] } as const;

/** A life that finds `zero` in its target, good, and newer content in its source; the target is not opened yet. */
function laterLife() {
  const watches = [watch('/v', 'SIGHUP')];
  const run = scenario({ ...FLEET, ...STAGE, watches }, { stagesAnswered: false });
  run.begin();
  return run;
}

describe('a start', () => {
  /** One whose child ended by itself while new content waits for a slot, and is about to be started again. */
  function crashed(change: Change = {}) {
    const run = settled({ onExit: 'restart', ...change });
    run.changes('two');
    run.replies(423, FULL);
    run.exits(0);
    return run;
  }

  test('takes what is mounted where nothing is staged', () => {
    const run = crashed();
    expect(run.elapses('back-off')).toEqual(['start', 'reload.started', 'child.started']);
  });

  test('is on the last good content where that is staged, and a reload asks for a slot', () => {
    const run = crashed(STAGE);
    expect(run.state.slot.phase).toBe('returning');
    run.replies(200);
    expect(run.elapses('back-off')).toEqual(['start.deferred', 'start', 'child.started']);
    expect(run.elapses('verify-start')).toEqual(
      expect.arrayContaining([expect.stringMatching('pre-reboot')]),
    );
    expect(run.state.slot.phase).toBe('asking');
    expect(run.replies(200)).toEqual(expect.arrayContaining(['publish', 'reload 1 to child 102 if caught']));
  });

  test('that began on the last good content gives back nothing of an earlier life', () => {
    const run = laterLife();
    expect(run.send({ type: 'staged', job: 1, result: OPENED })).toEqual([
      'start.deferred',
      'start',
      'child.started',
      'config.changed',
      'reload.held',
    ]);
    run.answers.stagesAnswered = true;
    run.elapses('verify-start');
    expect(run.state.slot).toMatchObject({ phase: 'asking', wish: { earlier: true } });
    // It may be that it failed then: the slot is kept for who looks after it.
    expect(run.signal('TERM')).not.toEqual(expect.arrayContaining([expect.stringMatching('steady-state')]));
  });

  test('does not lead to another try of what failed in an earlier life', () => {
    const run = laterLife();
    run.send({ type: 'staged', job: 1, result: OPENED });
    run.elapses('verify-start');
    const failed = { name: '..rehup_1', content: contentOf('one') };
    const result = { op: 'prepared', ownersKept: true, failedBefore: true, generations: [failed] } as const;
    const job = run.performed.flatMap((effect) => (effect.type === 'stage' ? [effect.job] : [])).at(-1) ?? 0;
    expect(run.send({ type: 'staged', job, result })).toContain('reload.rejected');
    expect(run.state.slot.phase).toBe('unknown');
  });
});

describe('a fleet does not stand still for ever', () => {
  test('where an operator reverts content that failed', () => {
    const run = settled({ onExit: 'restart' });
    run.changes('two');
    run.replies(200);
    run.exits(3);
    run.elapses('back-off');
    run.elapses('verify-start');
    run.changes('one');
    if (run.timers.has('verify-reload')) run.elapses('verify-reload');
    expect(run.state.slot.phase).toBe('returning');
  });

  test('where staged content was rolled back and an operator reverts', () => {
    const run = settled(STAGE);
    run.changes('two');
    run.replies(200);
    run.exits(3);
    run.elapses('verify-start');
    expect(run.state.slot.phase).toBe('held');
    expect(run.changes('one')).toContain('rehup.recovered');
    expect(run.state.slot.phase).toBe('returning');
  });

  test('where the child crashes for another reason and is started again on what was told', () => {
    const run = settled({ onExit: 'restart' });
    run.changes('two');
    run.replies(200);
    run.exits(3);
    run.elapses('back-off');
    expect(run.elapses('verify-start')).toContainEqual(expect.stringContaining('steady-state'));
  });

  test('where what was told and never verified comes back after content that was refused', () => {
    const run = supervisor({ ...FLEET, check: [['check']] });
    run.elapses('verify-start');
    run.replies(200);
    run.changes('two');
    run.ran(0);
    run.replies(200);
    run.changes('bad');
    expect(run.ran(1)).toContain('reload.rejected');
    run.changes('two');
    if (run.timers.has('verify-reload')) run.elapses('verify-reload');
    expect(run.state.slot.phase).toBe('returning');
  });
});
