import { expect, test } from 'vitest';
import type { StageResult } from '../../../src/core/staging/stage.ts';
import { NOBODYS } from '../../../src/core/state/passage.ts';
import { ALARM, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** Specification 5, *stage*: what others do to a target, what failed before, and a source that is not there at the start. */

const STAGE = { source: '/v', target: '/t' };
const SETTINGS = { watches: [watch('/v', 'SIGHUP')], stages: [STAGE], verify: 5_000 };

const tends = (run: ReturnType<typeof scenario>) =>
  run.performed.filter((effect) => effect.type === 'stage' && effect.task.op === 'tend').length;

/** The content that a reading of this text has. */
function contentOf(text: string) {
  const reading = volumeReading(text);
  if (reading.status !== 'read') throw new Error('a volume reading is one that was read');
  return reading.content;
}

/** A target that holds a good generation of an earlier life of the container. */
function opened(text: string): StageResult {
  const generation = { name: '..rehup_1', content: contentOf(text) };
  return { op: 'opened', stages: [{ inMemory: false, active: generation, good: generation }] };
}

function answer(run: ReturnType<typeof scenario>, result: StageResult): readonly string[] {
  const last = run.performed.filter((effect) => effect.type === 'stage' && effect.job > 0).at(-1);
  return run.send({ type: 'staged', job: last?.type === 'stage' ? last.job : 0, result });
}

test('targets are looked at with each look, one look at a time, and what was done to them is told', () => {
  const run = scenario(SETTINGS);
  run.begin();
  run.elapses('verify-start');
  const before = tends(run);
  run.send({ type: 'hint' });
  expect(tends(run)).toBe(before + 1);
  const tended = [
    { stage: STAGE, tampered: 'a is not the link that was put there', failed: undefined },
    { stage: STAGE, tampered: undefined, failed: 'symlink of /t/a failed (EIO)' },
  ];
  expect(run.send({ type: 'staged', job: NOBODYS, result: { op: 'tended', tended } })).toEqual([
    'stage.tampered',
    'stage.failed',
  ]);
  const lines = run.performed.flatMap((effect) => (effect.type === 'log' ? [effect.line] : []));
  expect(lines.at(-2)).toMatchObject({
    level: 'warn',
    message: '/t was changed by somebody else: a is not the link that was put there',
  });
});

test('what was in the way of a publication is told', () => {
  const run = scenario(SETTINGS, { stagesAnswered: false });
  run.begin();
  answer(run, { op: 'opened', stages: [{ inMemory: false, active: undefined, good: undefined }] });
  const generations = [{ name: '..rehup_1', content: contentOf('one') }];
  expect(answer(run, { op: 'prepared', ownersKept: true, generations })).toEqual(['publish']);
  expect(answer(run, { op: 'published', tampered: ['/t/k was in the way of a key'] })).toEqual([
    'stage.tampered',
    'start',
    'child.started',
  ]);
});

test('content on which the application failed in an earlier life is not tried again by a start', () => {
  const run = scenario(SETTINGS, { stagesAnswered: false });
  run.answers.readings = [volumeReading('bad')];
  expect(run.begin()).toEqual(['open']);
  expect(answer(run, opened('good'))).toEqual(['prepare']);
  const generations = [{ name: '..rehup_2', content: contentOf('bad') }];
  expect(answer(run, { op: 'prepared', ownersKept: true, failedBefore: true, generations })).toEqual([
    'start.degraded',
    ...ALARM,
    'start',
    'child.started',
  ]);
  run.elapses('verify-start');
  // It is tried when somebody changes it.
  expect(run.changes('better')).toEqual(['config.changed', 'prepare']);
});

test('a source that is not there when the container starts leaves what was good, and is missing', () => {
  for (const reading of [
    volumeReading(''),
    { status: 'missing', expected: true, volume: undefined, places: new Map() } as const,
  ]) {
    const run = scenario(SETTINGS, { stagesAnswered: false });
    run.answers.readings = [reading];
    expect(run.begin().filter((word) => word !== 'watch.missing')).toEqual(['open']);
    expect(answer(run, opened('good')).filter((word) => word !== 'watch.missing')).toEqual([
      'start',
      'child.started',
    ]);
    const missing = run.performed.filter(
      (effect) => effect.type === 'log' && effect.line.event === 'watch.missing',
    );
    expect(missing).toHaveLength(1);
    run.answers.stagesAnswered = true;
    run.elapses('verify-start');
    run.answers.readings = [volumeReading('good')];
    expect(run.send({ type: 'hint' })).toEqual(['watch.recovered']);
    expect(run.changes('better')).toContain('prepare');
  }
});

test('a source that is not there, beside content that was never verified, has what was good published', () => {
  const run = scenario(SETTINGS, { stagesAnswered: false });
  run.answers.readings = [volumeReading('')];
  run.begin();
  const [active, good] = [
    { name: '..rehup_2', content: contentOf('unknown') },
    { name: '..rehup_1', content: contentOf('good') },
  ];
  expect(answer(run, { op: 'opened', stages: [{ inMemory: false, active, good }] })).toEqual([
    'watch.missing',
    'publish',
  ]);
  expect(answer(run, { op: 'published' })).toEqual(['start', 'child.started']);
});

test('with --allow-empty an empty source is content, at the start too', () => {
  const run = scenario({ ...SETTINGS, allowEmpty: true }, { stagesAnswered: false });
  run.answers.readings = [volumeReading('')];
  run.begin();
  expect(answer(run, opened('good'))).toEqual(['prepare']);
});
