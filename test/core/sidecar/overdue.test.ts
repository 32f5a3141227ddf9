import { describe, expect, test } from 'vitest';
import { ALARM } from '../../support/given.ts';
import { asks, count, events, type Life, MINUTE, settledLife, sidecar } from '../../support/unhealthy.ts';

/** Specification 7, `unhealthy` with the names of main containers: which of them exist is told by nobody but whoever asks. */

/** The only one that is there, beside a name that somebody has made up. */
function besideMadeUp(): Life {
  const life = settledLife();
  asks(life, '/started/made-up');
  return life;
}

/** It is restarted for what has changed. */
function restarted(life: Life, name = ''): void {
  expect(asks(life, `/livez${name}`)).toBe(503);
  life.passes(1_000);
  expect(asks(life, `/started${name}`)).toBe(200);
  expect(asks(life, `/livez${name}`)).toBe(200);
}

describe('a name that was made up', () => {
  test('is waited for once', () => {
    const life = besideMadeUp();
    life.changes('two');
    restarted(life);
    expect(count(life, 'reload.applied')).toBe(0);
    life.elapses('start');
    expect(count(life, 'sidecar.main_overdue')).toBe(1);
    expect(count(life, 'reload.applied')).toBe(1);
    life.changes('three');
    restarted(life);
    expect(count(life, 'reload.applied')).toBe(2);
    expect(events(life)).not.toContain('reload.failed');
    expect(events(life)).not.toContain('rehup.internal_error');
  });

  test('is not waited for by a start that is late', () => {
    const life = besideMadeUp();
    life.changes('two');
    for (let answers = 0; answers < 3; answers++) asks(life, '/livez');
    life.elapses('start');
    expect(events(life)).toEqual(expect.arrayContaining(['reload.failed', ...ALARM]));
    restarted(life);
    expect(events(life)).toContain('rehup.recovered');
    expect(asks(life, '/livez/made-up')).toBe(503);
  });

  test('and asks as a probe does has one change failed, and what has changed meanwhile is told', () => {
    const life = besideMadeUp();
    life.changes('two');
    for (let answers = 0; answers < 3; answers++) asks(life, '/livez/made-up');
    restarted(life);
    life.changes('three');
    expect(asks(life, '/livez')).toBe(200);
    life.elapses('start');
    expect(count(life, 'reload.failed')).toBe(1);
    restarted(life);
    expect(count(life, 'reload.applied')).toBe(1);
    expect(events(life)).toContain('rehup.recovered');
    expect(events(life)).not.toContain('rehup.internal_error');
  });

  test('and asks as a probe does keeps nothing back that came after both were told as failed', () => {
    const life = besideMadeUp();
    life.changes('two');
    for (const path of ['/livez', '/livez/made-up'])
      for (let answers = 0; answers < 3; answers++) asks(life, path);
    life.elapses('start');
    expect(count(life, 'reload.failed')).toBe(1);
    asks(life, '/started');
    life.changes('three');
    expect(asks(life, '/livez')).toBe(200);
    life.elapses('start');
    restarted(life);
    expect(count(life, 'reload.applied')).toBe(1);
    expect(events(life)).toContain('rehup.recovered');
    expect(events(life)).not.toContain('rehup.internal_error');
  });

  test('does not hold up for long what processes tell of', () => {
    const life = settledLife();
    life.send({ type: 'others', others: ['process 7:1'] });
    life.changes('two');
    expect(asks(life, '/livez/other')).toBe(200);
    life.elapses('start');
    expect(asks(life, '/livez/other')).toBe(503);
    life.send({ type: 'others', others: ['process 7:1'] });
    life.send({ type: 'others', others: ['process 8:1'] });
    expect(count(life, 'reload.applied')).toBe(1);
    expect(events(life)).not.toContain('rehup.internal_error');
  });
});

test('more names than there may be are no place taken from a container that starts after them', () => {
  for (const until of ['checked', 'settled']) {
    const life = sidecar({ check: [['check']] });
    life.begin();
    if (until === 'settled') life.ran(0);
    for (let number = 0; number < 40; number++) asks(life, `/started/made-up-${number}`);
    asks(life, '/started');
    if (until === 'checked') life.ran(0);
    life.passes(2 * MINUTE);
    // A stranger who asks as a probe does takes none either.
    for (let number = 0; number < 40; number++) asks(life, `/livez/other-${number}`);
    life.changes('two');
    life.ran(0);
    restarted(life);
    life.elapses('start');
    expect(count(life, 'reload.applied')).toBe(1);
    expect(events(life)).not.toContain('rehup.internal_error');
  }
});

describe('a container whose probe asks late', () => {
  function changed(): Life {
    const life = settledLife();
    for (const name of ['/web', '/slow']) asks(life, `/started${name}`);
    // The only one without a name is none of them.
    life.changes('two');
    restarted(life, '/web');
    restarted(life);
    life.elapses('start');
    expect(count(life, 'reload.applied')).toBe(1);
    return life;
  }

  test('is restarted all the same, once', () => {
    const life = changed();
    life.passes(60_000);
    restarted(life, '/slow');
    for (const name of ['/web', '/slow', '']) expect(asks(life, `/livez${name}`)).toBe(200);
    expect(count(life, 'sidecar.unhealthy')).toBe(1);
    expect(count(life, 'reload.applied')).toBe(1);
  });

  test('is waited for from when it asks for newer content', () => {
    const life = changed();
    life.changes('three');
    expect(asks(life, '/livez/slow')).toBe(503);
    for (const name of ['/web', '']) restarted(life, name);
    expect(count(life, 'reload.applied')).toBe(1);
    restarted(life, '/slow');
    expect(count(life, 'reload.applied')).toBe(2);
    expect(events(life)).not.toContain('rehup.internal_error');
  });
});
