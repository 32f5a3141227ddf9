import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyOf, matcherOf, type Pattern } from '../../../src/core/text/automaton.ts';
import { bytesOfText } from '../../../src/core/text/bytes.ts';
import { compileGlob, pathPredicate } from '../../../src/core/text/glob.ts';
import { ignoring, names } from '../../support/glob.ts';

const pattern = fc.string({
  unit: fc.constantFrom(...'*?[]{},!-\\/ab^', '*', '**/', '{a,', '\xc3\xa9', '\xa9', '[a-\xc3\xa9]'),
  maxLength: 12,
});
const path = fc.string({ unit: fc.constantFrom(...'ab/.-]', '\xc3\xa9', '\xa9', '\xff'), maxLength: 16 });

function compiled(pattern: string): Pattern {
  const glob = compileGlob(pattern);
  if (!glob.ok) throw new Error(glob.error);
  return glob.value;
}

function matches(pattern: string, path: string): boolean {
  return ignoring([pattern])(path);
}

describe('--ignore', () => {
  test.each([
    ['*.swp', 'a.swp', true],
    ['*.swp', 'deep/down/.a.swp', true],
    ['*.swp', 'a.swp.txt', false],
    ['cache', 'cache/deep/x', true],
    ['cache', 'a/cache', true],
    ['cache', 'cached', false],
    ['cache/**', 'cache/x/y', true],
    ['cache/**', 'cache', false],
    ['/cache', 'cache', true],
    ['/cache', 'a/cache', false],
    ['a/*', 'a/b', true],
    ['a/*', 'a/b/c', true],
    ['a/*', 'b/a/b', false],
    ['**/x', 'x', true],
    ['**/x', 'a/b/x', true],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/c/z', true],
    ['a/**/z', 'ab/z', false],
    ['?', '\xc3\xa9', true],
    ['?', 'ab', false],
    ['[a-c].txt', 'b.txt', true],
    ['[!a-c].txt', 'b.txt', false],
    ['[]]', ']', true],
    ['*.{key,pem}', 'tls.pem', true],
    ['*.{key,pem}', 'tls.crt', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a.b', 'aXb', false],
    ['dir/', 'dir/x', true],
    ['with space\n', 'with space\n', true],
    ['[\xc3\xa4\xc3\xb6]', '\xc3\xb6', true],
    ['[\xc3\xa4\xc3\xb6]', '\xc3\xbc', false],
    ['a[.-0]b', 'a/b', false],
    ['?', '\x80', true],
    ['\xc3*', '\xc3\xa9', false],
  ])('%j on %j: %s', (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected);
  });

  test('a name without wildcards names itself and what is below it, at any depth', () => {
    const name = fc.stringMatching(/^[a-z0-9._-]{1,8}$/);
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(matches(one, one)).toBe(true);
        expect(matches(one, `${other}/${one}/${other}`)).toBe(true);
        expect(matches(one, `${one}${other}`)).toBe(false);
      }),
    );
  });

  test('any pattern is refused, or names what a matcher finds that goes back', () => {
    let count = 0;
    fc.assert(
      fc.property(pattern, path, (text, name) => {
        const glob = compileGlob(text);
        if (!glob.ok) expect(glob.error).not.toBe('');
        else {
          count += 1;
          expect(pathPredicate([glob.value])(name)).toBe(names(text, name));
        }
      }),
      { numRuns: 20_000 },
    );
    expect(count).toBeGreaterThan(2_000);
  });
});

describe('the steps of a match', () => {
  /** So often a place is looked at for each character: by itself, and by each way that leads there. */
  const MOST = 3;

  /** Matches with a matcher that remembers nothing yet, and once more; checks the steps of both. */
  function steps(text: string, name: string): number {
    const pattern = compiled(text);
    const matcher = matcherOf(pattern);
    const characters = name.length + 1;
    const first = matcher(name);
    expect(first.steps).toBeLessThanOrEqual(MOST * characters * (pattern.length + 1));
    expect(matcher(name).matched).toBe(first.matched);
    return first.steps;
  }

  test.each([
    ['*.bak', bytesOfText('設定ファイルの説明書（日本語版）について.txt')],
    ['*.bak', bytesOfText('é'.repeat(127))],
    ['*.bak', '\xc3'.repeat(255)],
    ['*a*a*a*a*a*a*a*a*b', 'a'.repeat(255)],
    ['**/**/**/**/**/**/x', 'a/'.repeat(2_000)],
    ['**/*/**/*/**/*/x', 'a/'.repeat(2_000)],
    ['{*,*a}{*,*a}{*,*a}{*,*a}{*,*a}{*,*a}b', 'a'.repeat(255)],
    ['{{{{{{{*,a}*,a}*,a}*,a}*,a}*,a}*,a}b', 'a'.repeat(255)],
    [`${'{'.repeat(500)}${'*,a}'.repeat(500)}b`, 'a'.repeat(255)],
    ['*?*?*?*?*?*?*?*?*?*?', '?'.repeat(9)],
  ])('of %j are at most so many as its places times the characters', (text, name) => {
    expect(steps(text, name)).toBeGreaterThan(0);
  });

  test('are one for each character where all was seen before, whatever the number of patterns', () => {
    const matcher = matcherOf(anyOf(['*.bak', '*.swp', '**/a/*', '.*', '{a,b}*c'].map(compiled)));
    const name = 'some/directory/file.txt';
    matcher(name);
    expect(matcher(name).steps).toBe(name.length + 1);
  });

  test('are still bounded, and the answers right, when more was seen than is remembered', () => {
    const matcher = matcherOf(anyOf([compiled('*.bak'), compiled(bytesOfText('*é*é*é?'))]));
    for (let index = 0; index < 30_000; index++) {
      const middle = String.fromCodePoint(0x4e00 + (index % 20_000), 0x1f300 + index);
      const name = bytesOfText(`é${middle}é${index % 2 === 0 ? 'éx' : '.bak'}`);
      const { matched, steps: taken } = matcher(name);
      expect([matched, taken < 1_000]).toEqual([true, true]);
    }
  });

  test('are so for any pattern and any name', () => {
    fc.assert(
      fc.property(pattern, path, fc.nat(200), (text, name, times) => {
        if (compileGlob(text).ok) steps(text, name.repeat(times));
      }),
      { numRuns: 5_000 },
    );
  });
});
