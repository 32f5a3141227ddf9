import { describe, expect, test } from 'vitest';
import { parsePodAction } from '../../../src/core/sidecar/action.ts';
import type { Action } from '../../../src/core/state/action.ts';
import type { Settings } from '../../../src/core/state/settings.ts';
import { ALARM, sig } from '../../support/given.ts';
import { scenario, type World } from '../../support/scenario.ts';

/** Specification 7, `rehup sidecar`: a life whose application is in another container. */

function actionOf(text: string): Action {
  const action = parsePodAction(text);
  if (!action.ok) throw new Error(action.error);
  return action.value;
}

function sidecar(text: string, change: Partial<Settings> = {}, world: Partial<World> = {}) {
  const onChange = actionOf(text);
  const more = { sidecar: true, command: [], onChange, watches: [{ path: '/v', action: onChange }] };
  const told = { verify: 0, minInterval: 0, settle: 0, ...more, ...change };
  return scenario(told, world);
}

const HUP = sig('HUP');
const TOLD = `signal ${HUP} to those called app`;
const QUIET = [
  'rehup.started',
  'sidecar.started',
  'check.started',
  'watch.hint',
  'reload.started',
  'watch.fresh',
];
const events = (life: ReturnType<typeof scenario>) =>
  life.performed.flatMap((effect) =>
    effect.type === 'log' && !QUIET.includes(effect.line.event) ? [effect.line.event] : [],
  );

describe('an action of a sidecar', () => {
  test('is a signal and a name, or an address', () => {
    expect(actionOf('SIGHUP:nginx')).toEqual({ kind: 'named', signal: HUP, forced: false, name: 'nginx' });
    expect(actionOf('hup!:my app')).toEqual({ kind: 'named', signal: HUP, forced: true, name: 'my app' });
    expect(actionOf('http://127.0.0.1:9090/-/reload').kind).toBe('http');
  });

  test.each([
    ['restart', /^not an action of a sidecar; use exit:CODE/],
    ['SIGHUP', /^not an action of a sidecar/],
    ['SIGHUP:', /^no name of a program/],
    ['SIGHUP:/usr/bin/app', /^no name of a program/],
    ['SIGTERM:app', /^SIGTERM can't mean reload/],
    ['SIGNOPE:app', /^not an action; use exit:CODE/],
    ['exec:app', /^not an action of a sidecar/],
    ['exit', /^a sidecar has no child/],
    ['exit:125', /^125 says that rehup failed/],
    ['https://app/', /^TLS is not rehup's job; use http:\/\/ to a port of the same pod$/],
  ])('is not %s', (text, error) => {
    expect(parsePodAction(text)).toMatchObject({ ok: false, error: expect.stringMatching(error) });
  });
});

describe('a sidecar', () => {
  test('starts and stops nothing: what it finds is what the application has read, and a change is told once', () => {
    const life = sidecar('SIGHUP:app');
    expect(life.begin()).not.toContain(expect.stringMatching(/^start/));
    expect(life.state.child.phase).toBe('running');
    expect(life.changes('two')).toContain(TOLD);
    expect(events(life)).toEqual(['config.changed', 'signal.sent', 'reload.applied']);
    expect(life.changes('two')).not.toContain(TOLD);
    expect(life.signal('TERM')).toContain('exit 0');
  });

  test('verifies by --verify and --ready, as run does', () => {
    const life = sidecar('SIGHUP:app', { verify: 5_000 });
    life.begin();
    life.changes('two');
    expect(events(life)).not.toContain('reload.applied');
    life.elapses('verify-reload');
    expect(events(life)).toContain('reload.applied');
  });

  test('brings a change to the check, and what that rejects is not told', () => {
    const life = sidecar('SIGHUP:app', { check: [['check']] });
    life.begin();
    life.ran(0);
    expect(life.changes('bad')).not.toContain(TOLD);
    expect(life.ran(1)).not.toContain(TOLD);
    expect(events(life)).toContain('reload.rejected');
    life.changes('good');
    expect(life.ran(0)).toContain(TOLD);
  });

  test('tells what changed while the first check ran, once: the application may have read what was there before', () => {
    const life = sidecar('SIGHUP:app', { check: [['check']] });
    life.begin();
    life.changes('two');
    life.ran(0);
    expect(life.ran(0)).toContain(TOLD);
    expect(events(life)).toEqual(['config.changed', 'signal.sent', 'reload.applied']);
  });

  test('goes on where what the application starts with does not pass the check: it reads that all the same', () => {
    const life = sidecar('SIGHUP:app', { check: [['check']] });
    life.begin();
    expect(life.ran(1)).not.toContain(expect.stringMatching(/^exit/));
    expect(events(life)).toEqual(['start.degraded', ...ALARM]);
    expect(life.state.child.phase).toBe('running');
    life.changes('good');
    expect(life.ran(0)).toContain(TOLD);
    expect(events(life)).toContain('rehup.recovered');
  });

  test.each<readonly [string, World['named'], RegExp]>([
    ['nobody of that name', { sent: [], refused: [], alone: false }, /no process is called app/],
    ['nobody else at all', { sent: [], refused: [], alone: true }, /shareProcessNamespace: true/],
    ['one that does not take it', refusedBy('uncaught'), /process 7\) does not take SIGHUP.*SIGHUP!:app/],
    ['one of another user', refusedBy('EPERM'), /another user's: EPERM/],
  ])('%s: stale, told again with back-off, and applied when it is there', (_, named, reason) => {
    const life = sidecar('SIGHUP:app', {}, { named });
    life.begin();
    expect(life.changes('two')).toContain(TOLD);
    const failed = life.performed.flatMap((effect) =>
      effect.type === 'log' && effect.line.event === 'reload.failed' ? [effect.line.message] : [],
    );
    expect(failed).toEqual([expect.stringMatching(reason)]);
    expect(events(life)).toEqual(expect.arrayContaining(ALARM));
    expect(life.elapses('retry')).toContain(TOLD);
    life.answers.named = { sent: [{ pid: 8, name: 'app', started: '2' }], refused: [], alone: false };
    expect(life.elapses('retry')).toContain(TOLD);
    expect(events(life).slice(-2)).toEqual(['reload.applied', 'rehup.recovered']);
  });

  test('forwards no signal, and a stop ends it whatever is under way', () => {
    const life = sidecar('SIGHUP:app', { check: [['check']] });
    life.begin();
    expect(life.signal('USR1')).not.toContain(expect.stringMatching(/signal/));
    life.ran(0);
    life.changes('two');
    expect(life.signal('INT')).toContain('exit 0');
    expect(events(life)).not.toContain('rehup.internal_error');
  });
});

function refusedBy(why: string): World['named'] {
  return { sent: [], refused: [{ process: { pid: 7, name: 'app', started: '1' }, why }], alone: false };
}
