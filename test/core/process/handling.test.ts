import { describe, expect, test } from 'vitest';
import { dispositionOf, handlingOf } from '../../../src/core/process/handling.ts';
import { type FakeProcess, NO_SIGNALS as NONE, proc, X86_64 } from '../../support/procs.ts';

/** Specification 3, "what the child does with it, in all its threads". */

const HUP = '0000000000000001';
const ALL = 'ffffffffffffffff';

const handling = (app: FakeProcess, signal = 1) => handlingOf(proc({ 7: app }), 7, signal)?.handling;

describe('what a process does with HUP', () => {
  const WAITS = '128 0x7ffc00001000 0x0 0x0 0x8 0x0 0x0 0x7ffc0000 0x7f00';
  const SLEEPS = '230 0x0 0x0 0x7ffc 0x7ffc 0x0 0x0 0x7ffc 0x7f00';
  const waiting = { exe: X86_64, memory: '\x01\0\0\0\0\0\0\0' };

  test.each<readonly [string, FakeProcess, string]>([
    ['takes it by its handler', { caught: HUP }, 'caught'],
    [
      'takes it by its handler, though it blocks it for now',
      { caught: HUP, threads: [{ blocked: ALL }] },
      'caught',
    ],
    ['would be ended', { exe: X86_64, threads: [{ call: SLEEPS }] }, 'uncaught'],
    ['would be ended while it computes', { exe: X86_64, threads: [{ call: 'running' }] }, 'uncaught'],
    ['ignores it', { exe: X86_64, ignored: HUP, threads: [{ call: SLEEPS }] }, 'ignored'],
    ['blocks it', { threads: [{ blocked: ALL }, { blocked: HUP }] }, 'blocked'],
    ['waits for it', { ...waiting, threads: [{ call: WAITS }] }, 'waited'],
    [
      'waits for it in another thread, with all else blocked',
      { ...waiting, threads: [{ blocked: ALL }, { call: WAITS }] },
      'waited',
    ],
    [
      'waits for it though another thread does not block it: the main one is asked first',
      { ...waiting, threads: [{ call: WAITS }, { call: SLEEPS }] },
      'waited',
    ],
    [
      'waits for another one: the timer thread of glibc',
      {
        exe: X86_64,
        memory: '\0\0\0\x80\0\0\0\0',
        threads: [{ call: SLEEPS }, { call: WAITS, blocked: ALL }],
      },
      'uncaught',
    ],
    [
      'waits for another one and does not block this',
      { exe: X86_64, memory: '\0\0\0\x80\0\0\0\0', threads: [{ call: WAITS }] },
      'uncaught',
    ],
    [
      'has a thread besides that does not block it',
      { ...waiting, threads: [{ blocked: ALL }, { call: SLEEPS }] },
      'uncaught',
    ],
    [
      'waits for it where the main thread has ended',
      { ...waiting, threads: [{ state: 'Z' }, { call: WAITS }] },
      'waited',
    ],
    ['blocks it where the main thread has ended', { threads: [{ state: 'Z' }, { blocked: ALL }] }, 'blocked'],
    ['may wait for it: the call may not be read', { exe: X86_64, threads: [{}] }, 'unreadable'],
    ['may wait for it: the set may not be read', { exe: X86_64, threads: [{ call: WAITS }] }, 'unreadable'],
    [
      'may wait for it: of what machine the numbers are is not known',
      { memory: ALL, threads: [{ call: WAITS }] },
      'unreadable',
    ],
  ])('%s', (_, app, expected) => {
    expect(handling(app)).toBe(expected);
  });

  test('is told by the numbers of its own machine', () => {
    const arm64 = `\x7fELF\x02${'\0'.repeat(13)}\xb7\0`;
    const i386 = `\x7fELF\x01${'\0'.repeat(13)}\x03\0`;
    const waits = (exe: string, number: string) =>
      handling({ exe, memory: '\x01\0\0\0\0\0\0\0', threads: [{ call: `${number} 0x1000 0x0` }] });
    expect([waits(arm64, '137'), waits(arm64, '128')]).toEqual(['waited', 'uncaught']);
    expect([waits(i386, '177'), waits(i386, '421'), waits(i386, '128')]).toEqual([
      'waited',
      'waited',
      'uncaught',
    ]);
  });

  test('is not told where /proc does not tell, or by more threads than are looked at', () => {
    expect(handlingOf(proc({}), 7, 1)).toBeUndefined();
    const silent = { ...proc({}), read: () => 'Name:\tapp\n' };
    expect(handlingOf(silent, 7, 1)).toBeUndefined();
    expect(handling({ threads: Array.from({ length: 2_000 }, () => ({ blocked: ALL })) })).toBe('unreadable');
  });

  test('comes with the name of the program', () => {
    expect(handlingOf(proc({ 7: { name: 'named', caught: HUP } }), 7, 1)?.program).toBe('named');
  });
});

describe('the masks of a thread', () => {
  test('tell of the last real-time signal too', () => {
    const status = (caught: string) => `SigBlk:\t${NONE}\nSigIgn:\t${NONE}\nSigCgt:\t${caught}\n`;
    expect(dispositionOf(status('8000000000000000'), 64)).toBe('caught');
    expect(dispositionOf(status('7fffffffffffffff'), 64)).toBe('default');
    expect(dispositionOf('Name:\tapp\n', 1)).toBeUndefined();
  });
});
