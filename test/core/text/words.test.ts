import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSignal, signalName } from '../../../src/core/process/signals.ts';
import { type Action, actionName, mergeActions, parseAction } from '../../../src/core/state/action.ts';
import { parseDuration } from '../../../src/core/text/duration.ts';
import { splitWords } from '../../../src/core/text/words.ts';

/** Small languages of the command line: durations, signals, commands, actions. */

describe('a duration', () => {
  test.each([
    ['250ms', 250],
    ['5s', 5_000],
    ['5', 5_000],
    ['0', 0],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['0.5', 500],
  ])('%s is %i ms', (text, milliseconds) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: milliseconds });
  });

  test.each(['', ' ', '5x', '-1', '1e3', '5 s', 's', '1.', '.5', '1d', '5S', 'auto', '0x10'])(
    '%j is none',
    (text) => {
      expect(parseDuration(text).ok).toBe(false);
    },
  );

  test('fits the timers of every host', () => {
    expect(parseDuration('596h').ok).toBe(true);
    expect(parseDuration('597h').ok).toBe(false);
  });
});

describe('a signal', () => {
  test.each([
    ['HUP', 1],
    ['SIGHUP', 1],
    ['sighup', 1],
    ['1', 1],
    ['CLD', 17],
    ['poll', 29],
    ['RTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['RTMAX', 64],
    ['rtmax-1', 63],
    ['33', 33],
    ['64', 64],
  ])('%s is %i', (text, number) => {
    expect(parseSignal(text)).toEqual({ ok: true, value: number });
  });

  test.each(['', '0', '65', 'FOO', 'SIG', 'RTMIN+31', 'RTMAX+1', 'RTMIN-1', '-1', '1.5', 'SIGSIGHUP'])(
    '%j is none',
    (text) => {
      expect(parseSignal(text).ok).toBe(false);
    },
  );

  test('has a name that means it, but for the two that the C library keeps', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), (signal) => {
        if (signal === 32 || signal === 33) expect(signalName(signal)).toBe(`signal ${signal}`);
        else expect(parseSignal(signalName(signal))).toEqual({ ok: true, value: signal });
      }),
    );
  });
});

describe('a command', () => {
  test.each<[string, readonly string[]]>([
    ['nginx -t', ['nginx', '-t']],
    [' \t a\n b ', ['a', 'b']],
    [`a "b c" 'd e' f\\ g`, ['a', 'b c', 'd e', 'f g']],
    [`a"b"'c'\\d`, ['abcd']],
    [`a '' ""`, ['a', '', '']],
    [String.raw`a "\"\\\$\`\x\'" '\"'`, ['a', '"\\$`\\x\\\'', '\\"']],
    [`a'"'"'"`, [`a"'`]],
    ['a\\\nb "c\\\nd" \\\n e', ['ab', 'cd', 'e']],
    ["a '\\\n'", ['a', '\\\n']],
    [
      'a | b; c && $HOME `d` * ~ # e >f {g,h}',
      ['a', '|', 'b;', 'c', '&&', '$HOME', '`d`', '*', '~', '#', 'e', '>f', '{g,h}'],
    ],
    ['caf\xe9 \xa0', ['caf\xe9', '\xa0']],
  ])('%j has its words', (text, words) => {
    expect(splitWords(text)).toEqual({ ok: true, value: words });
  });

  test.each([
    ['', 'no command; name a program and its arguments'],
    [' \n', 'no command; name a program and its arguments'],
    ['\\\n', 'no command; name a program and its arguments'],
    ["'' a", "the program's name is empty; name a program and its arguments"],
    ["a 'b", "a ' without its second '; close it, or quote it as \"'\""],
    ['a "b\\"', 'a " without its second "; close it, or quote it as \'"\''],
    ['a "\\', 'a " without its second "; close it, or quote it as \'"\''],
    ['a \\', "a \\ at the end quotes nothing; write '\\' to mean it"],
  ])('%j is refused', (text, error) => {
    expect(splitWords(text)).toEqual({ ok: false, error });
  });

  const texts = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 });

  test('of any words, each quoted, is those words', () => {
    const words = fc.array(texts('ab \t\n\'"\\$*\xff'), { minLength: 1 }).filter(([first]) => first !== '');
    fc.assert(
      fc.property(words, (list) => {
        const text = list.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
        expect(splitWords(text)).toEqual({ ok: true, value: list });
      }),
    );
  });

  test('has the words that sh finds in it', () => {
    // Nothing that a shell expands or acts on: a, blanks, quotes and backslashes (a line end would end the command).
    for (const text of fc.sample(texts('aa \'"\\'), 200)) {
      const split = splitWords(text);
      if (!split.ok) continue;
      const shell = spawnSync('sh', ['-c', `printf '%s\\0' ${text}`], { encoding: 'latin1' });
      expect(shell.stdout.split('\0').slice(0, -1)).toEqual(split.value);
    }
  });
});

describe('actions', () => {
  const actions = (...names: readonly string[]): readonly Action[] =>
    names.flatMap((name) => {
      const action = parseAction(name);
      return action.ok ? [action.value] : [];
    });

  test('that come together: exit wins, then restart, else each other one once in order, and none adds nothing', () => {
    const merged = (...names: readonly string[]) => mergeActions(actions(...names)).map(actionName);
    expect(merged('HUP', 'exit', 'restart')).toEqual(['exit']);
    expect(merged('HUP', 'restart', 'none')).toEqual(['restart']);
    expect(merged('USR1', 'HUP', 'none', 'usr1')).toEqual(['SIGUSR1', 'SIGHUP']);
    expect(merged('exec:a b', 'HUP', 'http://a/', 'exec:a b', 'exec:a', 'http://a/')).toEqual([
      'exec:a b',
      'SIGHUP',
      'http://a/',
      'exec:a',
    ]);
    expect(merged('exec:a', 'restart', 'http://a/')).toEqual(['restart']);
    expect(merged('none', 'none')).toEqual([]);
    expect(merged()).toEqual([]);
  });

  test.each(['TERM', 'INT', 'QUIT', 'KILL', 'STOP', 'CHLD', '15'])('%s can not mean reload', (name) => {
    expect(parseAction(name)).toMatchObject({ ok: false });
  });
});
