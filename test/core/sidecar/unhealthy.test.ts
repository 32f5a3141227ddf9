import { describe, expect, test } from 'vitest';
import { ALARM, fleet } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';
import { asks, count, events, MINUTE, POD, settledLife, sidecar } from '../../support/unhealthy.ts';

/** Specification 7, `unhealthy`: `/livez` is 503 until the kubelet has restarted the application. */

describe('a change', () => {
  test('turns /livez to 503 until /started, and is applied then', () => {
    const life = settledLife();
    expect(asks(life, '/livez')).toBe(200);
    life.changes('two');
    expect(asks(life, '/livez')).toBe(503);
    expect(asks(life, '/readyz')).toBe(503);
    expect(events(life)).not.toContain('reload.applied');
    life.passes(5_000);
    expect(asks(life, '/started')).toBe(200);
    expect(asks(life, '/livez')).toBe(200);
    expect(count(life, 'reload.applied')).toBe(1);
    expect(count(life, 'sidecar.unhealthy')).toBe(1);
    expect(events(life)).not.toContain('rehup.internal_error');
  });

  test('is verified after /started, by --verify and --ready', () => {
    const life = settledLife({ verify: 5_000 });
    life.elapses('verify-start');
    life.changes('two');
    asks(life, '/livez');
    asks(life, '/started');
    expect(events(life)).not.toContain('reload.applied');
    life.elapses('verify-start');
    expect(count(life, 'reload.applied')).toBe(1);
  });

  test('that the check rejects leaves it at 200', () => {
    const life = settledLife({ check: [['check']] });
    life.ran(0);
    life.changes('bad');
    life.ran(1);
    expect(asks(life, '/livez')).toBe(200);
    expect(events(life)).toContain('reload.rejected');
  });

  test.each(['recalled', 'looked', 'checked'])(
    'is told though the only /started came before the watches were %s',
    (until) => {
      const state = until === 'recalled' ? '/state' : undefined;
      const life = sidecar({ check: until === 'checked' ? [['check']] : undefined, pod: { ...POD, state } });
      life.answers.looksAnswered = until !== 'looked';
      life.begin();
      expect(asks(life, '/started')).toBe(200);
      expect(events(life)).not.toContain('sidecar.started');
      life.answers.looksAnswered = true;
      if (until === 'recalled')
        life.send({ type: 'recalled', kept: undefined, since: 0, others: [], found: [] });
      if (until === 'looked') life.send({ type: 'looked', readings: life.answers.readings });
      if (until === 'checked') life.ran(0);
      expect(count(life, 'sidecar.started')).toBe(1);
      expect(count(life, 'sidecar.main_started')).toBe(1);
      life.passes(2 * MINUTE);
      life.changes('two');
      if (until === 'checked') life.ran(0);
      expect(asks(life, '/livez')).toBe(503);
      expect(asks(life, '/started')).toBe(200);
      expect(asks(life, '/livez')).toBe(200);
      expect(count(life, 'reload.applied')).toBe(1);
      expect(events(life)).not.toContain('rehup.internal_error');
    },
  );

  test('while the first check runs is told, whether the application was started by then or not', () => {
    for (const started of ['before', 'after']) {
      const life = sidecar({ check: [['check']] });
      life.begin();
      if (started === 'before') asks(life, '/started');
      life.changes('two');
      life.passes(10_000);
      if (started === 'after') asks(life, '/started');
      life.ran(0);
      life.ran(0);
      expect(asks(life, '/livez')).toBe(503);
      expect(asks(life, '/started')).toBe(200);
      expect(asks(life, '/livez')).toBe(200);
      expect(count(life, 'reload.applied')).toBe(1);
    }
  });

  test('while the first check runs has nothing restarted if it is bad; what mends it is told', () => {
    const life = sidecar({ check: [['check']] });
    life.begin();
    asks(life, '/started');
    life.changes('bad');
    life.ran(1);
    life.elapses('confirm');
    expect(life.jobs).toEqual([]);
    expect(asks(life, '/livez')).toBe(200);
    expect(events(life)).toEqual(expect.arrayContaining([...ALARM]));
    life.changes('two');
    life.ran(0);
    expect(asks(life, '/livez')).toBe(503);
    expect(asks(life, '/started')).toBe(200);
    expect(asks(life, '/livez')).toBe(200);
    expect(events(life)).toContain('rehup.recovered');
    expect(events(life)).not.toContain('rehup.internal_error');
  });

  test('is preceded by a start that counts in the first minute after the first check, which may take long', () => {
    const life = sidecar({ check: [['check']] });
    life.begin();
    life.passes(20_000);
    life.ran(0);
    life.passes(50_000);
    asks(life, '/started');
    expect(count(life, 'sidecar.main_started')).toBe(1);
    life.passes(MINUTE);
    asks(life, '/started');
    expect(count(life, 'sidecar.main_started')).toBe(1);
    expect(count(life, 'sidecar.start_ignored')).toBe(1);
  });

  test('waits for a slot, which is given back once it is applied', () => {
    const life = settledLife({ fleet: fleet() });
    life.replies(200);
    life.changes('two');
    expect(asks(life, '/livez')).toBe(200);
    life.replies(200);
    expect(asks(life, '/livez')).toBe(503);
    expect(asks(life, '/started')).toBe(200);
    expect(life.performed.filter(({ type }) => type === 'begin-job').length).toBe(3);
  });

  test('takes the application out of its Service first: --drain', () => {
    const life = settledLife({ drain: 5_000 });
    life.changes('two');
    expect(asks(life, '/readyz')).toBe(503);
    expect(asks(life, '/livez')).toBe(200);
    life.elapses('drain');
    expect(asks(life, '/livez')).toBe(503);
  });

  test('without anything that would tell of a start is stale, says what is missing, and /livez stays 200', () => {
    const life = sidecar();
    life.begin();
    life.changes('two');
    expect(asks(life, '/livez')).toBe(200);
    expect(events(life)).toEqual(expect.arrayContaining(['reload.failed', ...ALARM]));
    const [reason] = life.performed.flatMap((effect) =>
      effect.type === 'log' && effect.line.event === 'reload.failed' ? [effect.line.message] : [],
    );
    expect(reason).toMatch(/postStart.*\/started.*shareProcessNamespace/);
    life.passes(2 * MINUTE);
    asks(life, '/started');
    life.elapses('retry');
    expect(asks(life, '/livez')).toBe(503);
  });

  test('that is not followed by /started within --ready-timeout after the third 503 is failed; a later one starts verifying anew', () => {
    const life = settledLife();
    life.changes('two');
    for (let count = 0; count < 3; count++) asks(life, '/livez');
    life.elapses('start');
    expect(events(life)).toEqual(expect.arrayContaining(['reload.failed', ...ALARM]));
    expect(asks(life, '/livez')).toBe(503);
    asks(life, '/started');
    expect(asks(life, '/livez')).toBe(200);
    expect(events(life)).toContain('rehup.recovered');
    expect(events(life)).not.toContain('rehup.internal_error');
  });
});

describe('what a start has read', () => {
  test('is all that was seen before a 503 was answered: one restart', () => {
    const life = settledLife();
    life.changes('two');
    life.changes('three');
    asks(life, '/livez');
    asks(life, '/started');
    expect(count(life, 'sidecar.unhealthy')).toBe(1);
    expect(asks(life, '/livez')).toBe(200);
  });

  test('may not be what was seen after the last 503, shortly before /started: one more restart', () => {
    const life = settledLife();
    life.changes('two');
    asks(life, '/livez');
    life.passes(1_000);
    life.changes('three');
    life.passes(5_000);
    asks(life, '/started');
    expect(count(life, 'sidecar.unhealthy')).toBe(2);
    expect(asks(life, '/livez')).toBe(503);
    asks(life, '/started');
    expect(asks(life, '/livez')).toBe(200);
    expect(events(life)).not.toContain('rehup.internal_error');
  });

  test('is what was seen long before /started, though no 503 was answered since', () => {
    const life = settledLife();
    life.changes('two');
    asks(life, '/livez');
    life.passes(1_000);
    life.changes('three');
    life.passes(40_000);
    asks(life, '/started');
    expect(count(life, 'sidecar.unhealthy')).toBe(1);
    expect(asks(life, '/livez')).toBe(200);
  });

  test('may be what was there for a moment only: content that is back is told once more', () => {
    const life = settledLife();
    life.changes('two');
    asks(life, '/livez');
    life.passes(1_000);
    life.changes('three');
    life.changes('two');
    asks(life, '/started');
    expect(asks(life, '/livez')).toBe(503);
    asks(life, '/started');
    expect(asks(life, '/livez')).toBe(200);
  });
});

describe('/started', () => {
  test('changes nothing where no 503 was answered since the change, and is always answered', () => {
    const life = settledLife();
    life.changes('two');
    expect(asks(life, '/started')).toBe(200);
    expect(asks(life, '/livez')).toBe(503);
    expect(events(life)).toContain('sidecar.start_ignored');
  });

  test('in the first minute is that of the start of the pod', () => {
    const life = sidecar({ verify: 5_000 });
    life.begin();
    life.passes(1_000);
    expect(asks(life, '/started')).toBe(200);
    expect(events(life)).toContain('sidecar.main_started');
    expect(count(life, 'sidecar.unhealthy')).toBe(0);
  });

  test('of each of several containers ends the 503 of that one, and the reload with the last', () => {
    const life = sidecar();
    life.begin();
    asks(life, '/started/a');
    asks(life, '/started/b');
    life.passes(2 * MINUTE);
    life.changes('two');
    expect([asks(life, '/livez/a'), asks(life, '/livez/b')]).toEqual([503, 503]);
    asks(life, '/started/a');
    expect([asks(life, '/livez/a'), asks(life, '/livez/b')]).toEqual([200, 503]);
    expect(events(life)).not.toContain('reload.applied');
    asks(life, '/started/b');
    expect([asks(life, '/livez/a'), asks(life, '/livez/b')]).toEqual([200, 200]);
    expect(count(life, 'reload.applied')).toBe(1);
    // Who never told of a start would be restarted for ever.
    life.changes('three');
    expect([asks(life, '/livez/c'), asks(life, '/livez')]).toEqual([200, 200]);
  });

  test('as a hook of the kubelet at another path is warned of', () => {
    const life = settledLife();
    expect(asks(life, '/start', 'User-Agent: kube-lifecycle/1.36\r\n')).toBe(404);
    expect(count(life, 'sidecar.wrong_hook')).toBe(1);
    asks(life, '/started', 'User-Agent: kube-lifecycle/1.36\r\n');
    asks(life, '/start', 'User-Agent: curl/8\r\n');
    expect(count(life, 'sidecar.wrong_hook')).toBe(1);
  });

  test('and /livez/NAME are none of rehup run', () => {
    const life = scenario();
    life.begin();
    expect([asks(life, '/started'), asks(life, '/livez/a'), asks(life, '/livez')]).toEqual([404, 404, 200]);
  });
});
