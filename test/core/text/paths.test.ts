import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { executableCandidates, tryCandidates } from '../../../src/core/process/executable.ts';
import { compileGlob } from '../../../src/core/text/glob.ts';
import { absolutePath, joinPath, parentPath, relativePath } from '../../../src/core/text/path.ts';

function matches(pattern: string, path: string): boolean {
  const glob = compileGlob(pattern);
  if (!glob.ok) throw new Error(glob.error);
  return glob.value(path);
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

  test('any pattern is compiled or refused, and none takes long', () => {
    const pattern = fc.string({
      unit: fc.constantFrom('*', '?', '[', ']', '{', '}', ',', '!', '-', '\\', '/', 'a', 'b', '^'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(pattern, (text) => {
        const glob = compileGlob(text);
        if (glob.ok) glob.value('a/b/ab/aab/bbaab');
        else expect(glob.error).not.toBe('');
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('paths', () => {
  test('are made absolute by their words', () => {
    expect(absolutePath('/w', 'a')).toBe('/w/a');
    expect(absolutePath('/w', '../a/./b//c/')).toBe('/a/b/c');
    expect(absolutePath('/w', '/../..')).toBe('/');
    expect(absolutePath('/', 'a')).toBe('/a');
  });

  test('are joined, split and compared', () => {
    expect([joinPath('/', 'a'), joinPath('/a', 'b'), joinPath('/a', '')]).toEqual(['/a', '/a/b', '/a']);
    expect([parentPath('/a/b'), parentPath('/a'), parentPath('/')]).toEqual(['/a', '/', '/']);
    expect(relativePath('/a', '/a')).toBe('');
    expect(relativePath('/a', '/a/b/c')).toBe('b/c');
    expect(relativePath('/', '/a')).toBe('a');
    expect(relativePath('/a', '/ab')).toBe(undefined);
  });
});

describe('a command', () => {
  test('is looked for below PATH, as execvp does it', () => {
    expect(executableCandidates('app', '/a:/b')).toEqual(['/a/app', '/b/app']);
    expect(executableCandidates('app', ':/b:')).toEqual(['./app', '/b/app', './app']);
    expect(executableCandidates('./app', '/a')).toEqual(['./app']);
    expect(executableCandidates('', '/a')).toEqual([]);
    expect(executableCandidates('app', undefined)).toContain('/usr/bin/app');
  });

  test('is the first candidate that starts; a denied one is told only if no other does', () => {
    const attempt = (errors: Readonly<Record<string, string>>) => {
      const tried: string[] = [];
      const errno = tryCandidates(['1', '2', '3'], (file) => {
        tried.push(file);
        return errors[file];
      });
      return { errno, tried: tried.length };
    };
    expect(attempt({ '1': 'ENOENT' })).toEqual({ errno: undefined, tried: 2 });
    expect(attempt({ '1': 'ENOENT', '2': 'ENOTDIR', '3': 'ENOENT' })).toEqual({ errno: 'ENOENT', tried: 3 });
    expect(attempt({ '1': 'EACCES', '2': 'ENOENT', '3': 'ENOENT' })).toEqual({ errno: 'EACCES', tried: 3 });
    expect(attempt({ '1': 'ENOEXEC' })).toEqual({ errno: 'ENOEXEC', tried: 1 });
    expect(tryCandidates([], () => undefined)).toBe('ENOENT');
  });
});
