import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commanderWords, RUN } from '../../src/cli/commands/run.ts';
import { RUN_OPTIONS } from '../../src/cli/options.ts';
import { plainWords, type Words } from '../../src/cli/words.ts';

/* Plain words are taken apart without commander (words.ts), and must say what commander says of them. */

const FLAGS = RUN_OPTIONS.flatMap(({ flags }) => flags.split(/[ ,]+/)).filter((word) => word.startsWith('-'));

const flag = fc.constantFrom(...FLAGS);
const value = fc.oneof(
  fc.constantFrom(
    '',
    '-',
    '--',
    '-w',
    '/etc/app',
    'a=b',
    '=',
    'true',
    '-1',
    '5',
    '--poll',
    '--poll=0',
    'x y',
  ),
  fc.string({ maxLength: 4 }),
);
const word = fc.oneof(
  { weight: 4, arbitrary: flag },
  { weight: 2, arbitrary: fc.tuple(flag, value).map(([name, text]) => `${name}=${text}`) },
  { weight: 3, arbitrary: value },
  { weight: 1, arbitrary: fc.tuple(flag, fc.string({ maxLength: 2 })).map((parts) => parts.join('')) },
);

function byCommander(words: readonly string[]): Words | undefined {
  try {
    return commanderWords(RUN, words);
  } catch {
    return undefined;
  }
}

test('plain words say what commander says that they say', () => {
  let plainOnes = 0;
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      const plain = plainWords(RUN.flags, words);
      if (plain === undefined) return;
      plainOnes += 1;
      const told = byCommander(words);
      expect(told?.command).toEqual(plain.command);
      expect([...(told?.values ?? [])].sort()).toEqual([...plain.values].sort());
    }),
    { numRuns: 5_000 },
  );
  expect(plainOnes).toBeGreaterThan(1_000);
});

test('what a start is usually given is plain', () => {
  const words = ['-w', '/etc/app', '--on-change=SIGHUP', '--listen-status', '--', 'app', '--port', '80'];
  expect(plainWords(RUN.flags, words)).toEqual({
    values: new Map([
      ['watch', ['/etc/app']],
      ['on-change', ['SIGHUP']],
      ['listen-status', ['true']],
    ]),
    command: ['app', '--port', '80'],
  });
});
