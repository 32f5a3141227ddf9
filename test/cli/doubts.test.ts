import { describe, expect, test } from 'vitest';
import { settings } from '../support/parsing.ts';

/** Specification 1: what is probably a mistake, but can be run, is a warning at the start. */

const doubts = (words: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  settings(words, { environment }).doubts.map(({ about, text }) => `${about}: ${text}`);

const WATCH = ['-w', '/v'];

describe('a variable', () => {
  for (const [name, meant] of [
    ['REHUP_ON_CHNAGE', 'REHUP_ON_CHANGE'],
    ['REHUP_SETTEL', 'REHUP_SETTLE'],
    ['REHUP_STOPTIMEOUT', 'REHUP_STOP_TIMEOUT'],
    ['REHUP_IGNORES', 'REHUP_IGNORE'],
    ['REHUP_on_exit', undefined],
    ['REHUP_ON_EXITT', 'REHUP_ON_EXIT'],
    ['REHUP_LOG_LEVEL', undefined],
    ['REHUP_SERVICE_HOST', undefined],
    ['REHUP_SOMETHING_ELSE', undefined],
    ['MY_REHUP_SETTEL', undefined],
  ] as const)
    test(`${name} is ${meant === undefined ? 'nobody’s' : `meant as ${meant}`}`, () => {
      const text = `${name}: no such variable; did you mean ${meant}?`;
      expect(doubts(['app'], { [name]: 'info' })).toEqual(meant === undefined ? [] : [text]);
    });

  test('of a Service that is named rehup is none', () => {
    expect(doubts(['app'], { REHUP_PORT: 'tcp://10.0.0.1:80' })).toEqual([]);
    expect(doubts(['app'], { REHUP_PORT: '5s' })).toHaveLength(1);
  });
});

describe('an option that has no effect', () => {
  const nothing = 'it has no effect without --watch, --stage or --env-dir';
  for (const [words, text] of [
    [['--on-change', 'HUP'], `--on-change: ${nothing}`],
    [['--settle', '5s'], `--settle: ${nothing}`],
    [['--allow-empty'], `--allow-empty: ${nothing}`],
    [['--check-timeout', '5s'], '--check-timeout: it has no effect without --check'],
    [['--ready-timeout', '5s'], '--ready-timeout: it has no effect without --ready'],
    [
      [...WATCH, '--action-timeout', '5s'],
      '--action-timeout: it has no effect without an action that is a command or an HTTP call',
    ],
    [
      ['--max-restarts', '3'],
      '--max-restarts: it has no effect without --on-exit restart or restart-on-failure',
    ],
    [['--drain', '3s'], '--drain: nobody can ask /readyz without --listen'],
    [['--listen-status'], '--listen-status: it has no effect without --listen'],
  ] as const)
    test(`is told: ${words.join(' ')}`, () => expect(doubts([...words, 'app'])).toEqual([text]));

  test('is named as the variable that it was written into', () => {
    expect(doubts(['app'], { REHUP_ON_CHANGE: 'HUP' })).toEqual([`REHUP_ON_CHANGE: ${nothing}`]);
  });

  test('is none where it has one', () => {
    const options = ['--on-change', 'exec:a', '--action-timeout', '5s', '--listen', ':1', '--drain', '3s'];
    expect(doubts([...WATCH, ...options, '--max-restarts', '3', '--on-exit', 'restart', 'app'])).toEqual([]);
    expect(doubts(['--env-dir', '/v', '--settle', '5s', 'app'])).toEqual([]);
    expect(doubts([...WATCH, 'app'])).toEqual([]);
    // The time within which the application tells that it was restarted.
    const sidecar = ['sidecar', ...WATCH, '--on-change', 'unhealthy', '--state', '/s', '--listen', ':1'];
    expect(doubts([...sidecar, '--ready-timeout', '5m'])).toEqual([]);
  });
});

describe('a command inside an option', () => {
  const told = (word: string) => `${word} means something to a shell only, and none runs it; use sh -c '…'`;
  for (const [command, word] of [
    ['a && b', '&&'],
    ['a | b', '|'],
    ['a > /dev/null', '>'],
    ['a 2>&1', '2>&1'],
    ['a $HOME', '$HOME'],
    ['a "$(b)"', '$(b)'],
    ['a; b', 'a;'],
    ['a `b`', '`b`'],
    ["sh -c 'a && b'", undefined],
    ["/bin/bash -c 'a $B'", undefined],
    ["grep '^a$' {dir}/a", undefined],
    ["awk '{print $1}' a", undefined],
  ] as const)
    test(`${command}: ${word ?? 'good'}`, () => {
      const text = word === undefined ? [] : [`--check: ${told(word)}`];
      expect(doubts([...WATCH, '--check', command, 'app'])).toEqual(text);
    });

  test('is one of each option', () => {
    expect(
      doubts(['-w', '/v=exec:a | b', '--on-change', 'exec:c $D', '--ready', 'exec:e && f', 'app']),
    ).toEqual([`--ready: ${told('&&')}`, `--on-change: ${told('$D')}`, `--watch: ${told('|')}`]);
  });
});

test('an option and its value in one word count as two', () => {
  const words = ['-w /etc/b', '--watch /etc/app', '--on-change\tHUP', 'app', '--settle 5x'];
  expect(doubts(words)).toEqual([
    '--watch /etc/app: an option and its value in one word; make them two',
    '--on-change\\tHUP: an option and its value in one word; make them two',
    '-w /etc/b: an option and its value in one word; make them two',
  ]);
  expect(settings(words)).toMatchObject({
    command: ['app', '--settle 5x'],
    watches: [{ path: '/etc/b' }, { path: '/etc/app', action: { kind: 'signal' } }],
  });
});
