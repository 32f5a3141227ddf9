import { describe, expect, test } from 'vitest';
import { executableCandidates, tryCandidates } from '../../../src/core/process/executable.ts';
import { absolutePath, joinPath, parentPath, relativePath } from '../../../src/core/text/path.ts';

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
