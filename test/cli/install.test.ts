import { describe, expect, test } from 'vitest';
import { given, refusal, settings } from '../support/parsing.ts';

/** Specification 1 and 10: what `rehup install` takes. */

describe('install', () => {
  test('takes one PATH, which may be relative or meant as a directory', () => {
    expect(given(['install', '/rehup'])).toEqual({ kind: 'install', path: '/rehup', inside: false });
    expect(given(['install', 'bin/../x/'])).toEqual({
      kind: 'install',
      path: '/work/bin/../x',
      inside: true,
    });
    expect(given(['install', '--', '-x'])).toEqual({ kind: 'install', path: '/work/-x', inside: false });
    for (const words of [
      ['install', '--help'],
      ['install', '-h'],
      ['help', 'install'],
    ])
      expect(given(words)).toMatchObject({ kind: 'print', text: expect.stringContaining('rehup install') });
  });

  test('takes nothing else', () => {
    const missing = 'install: its PATH is missing; use for example: rehup install /rehup/rehup';
    for (const words of [['install'], ['install', '--'], ['install', '']])
      expect(refusal(words)).toBe(missing);
    expect(refusal(['install', '-f', '/x'])).toBe('install -f: no such option; see rehup install --help');
    expect(refusal(['install', '/x', '/y'])).toBe('install /x /y: more than one PATH; give one');
    expect(refusal(['install', 'x'], { cwd: undefined })).toBe(
      'install x: the working directory is gone; give an absolute path',
    );
    expect(given(['install', '/x'], { cwd: undefined })).toMatchObject({ path: '/x' });
    expect(settings(['run', 'install', '/x']).command).toEqual(['install', '/x']);
  });
});
