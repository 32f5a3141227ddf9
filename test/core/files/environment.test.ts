import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childEnvironment, environmentMap, sameEnvironment } from '../../../src/core/files/environment.ts';

/** Specification 1, `--env-dir`, and 3, what is built and validated before a child is stopped. */

const LIMITS = { argumentBytes: 2 * 1024 * 1024, command: ['app'] };

type Files = Readonly<Record<string, string>>;

function built(inherited: readonly string[], files: readonly Files[], limits = LIMITS) {
  const directories = files.map((texts, index) => ({
    path: `/env${index}`,
    texts: new Map(Object.entries(texts)),
  }));
  return childEnvironment(inherited, directories, limits);
}

function variables(inherited: readonly string[], ...files: readonly Files[]): object {
  const result = built(inherited, files);
  if (!result.ok) throw new Error(result.error);
  return Object.fromEntries(environmentMap(result.value.entries));
}

describe('the environment of a child', () => {
  test('is what was inherited, where there is no directory; of a name given twice the first counts', () => {
    expect(built(['A=1', 'B=x=y', 'A=2', 'C='], [])).toEqual({
      ok: true,
      value: { entries: ['A=1', 'B=x=y', 'C='], skipped: [] },
    });
  });

  test('has a variable for each file, over what was inherited, later directories over earlier ones', () => {
    expect(variables(['A=i', 'B=i', 'C=i'], { A: '0', B: '0' }, { A: '1', D: '1' })).toEqual({
      A: '1',
      B: '0',
      C: 'i',
      D: '1',
    });
  });

  test('takes of files with one name in a directory the one whose path sorts last', () => {
    expect(variables([], { 'z/KEY': 'z', KEY: 'top', 'a/KEY': 'a' })).toEqual({ KEY: 'z' });
  });

  test('loses one trailing newline of each value, and nothing else', () => {
    expect(variables([], { A: 'x\n', B: 'x\n\n', C: '\n', D: '', E: ' x\r\n', F: 'a\nb\xff' })).toEqual({
      A: 'x',
      B: 'x\n',
      C: '',
      D: '',
      E: ' x\r',
      F: 'a\nb\xff',
    });
  });

  test('takes the names that envFrom takes, and tells which files it skipped', () => {
    const good = ['a', '_', '.x', '-x', 'a.b-c_9', 'Z9'];
    const bad = ['9a', 'a b', 'a=b', 'caf\xe9', 'a\n'];
    const files = Object.fromEntries([...good, ...bad].map((name) => [`in/${name}`, 'v']));
    const result = built([], [files]);
    if (!result.ok) throw new Error(result.error);
    expect([...environmentMap(result.value.entries).keys()].sort()).toEqual([...good].sort());
    expect(result.value.skipped).toEqual([...bad].sort().map((name) => `/env0/in/${name}`));
  });

  test('may name one file as a directory', () => {
    const directories = [{ path: '/etc/KEY', texts: new Map([['', 'v']]) }];
    expect(childEnvironment([], directories, LIMITS)).toMatchObject({ value: { entries: ['KEY=v'] } });
  });
});

describe('what execve(2) would not take is told by name', () => {
  test('a NUL', () => {
    expect(built([], [{ KEY: 'secret\0' }])).toEqual({
      ok: false,
      error: 'the variable KEY of /env0/KEY: a NUL is in its value, and no variable can hold one; remove it',
    });
  });

  test('an entry of more than 131,072 bytes, its NUL included', () => {
    const most = 131_072 - 'KEY='.length - 1;
    expect(built([], [{ KEY: 'x'.repeat(most) }]).ok).toBe(true);
    expect(built([], [{ KEY: `${'x'.repeat(most)}\n` }]).ok).toBe(true);
    expect(built([], [{ KEY: 'x'.repeat(most + 1) }])).toEqual({
      ok: false,
      error: 'the variable KEY of /env0/KEY: too long; name and value together can have at most 131070 bytes',
    });
  });

  test('but not of a file that a later directory overrides', () => {
    expect(variables([], { KEY: '\0' }, { KEY: 'good' })).toEqual({ KEY: 'good' });
  });

  test('more than there is room for, with the words of the command', () => {
    // HOME=/ 6, A=12 4, BB=12 5, app 3; a NUL and a pointer of 8 bytes for each.
    const bytes = 6 + 4 + 5 + 3 + 4 * 9;
    const files = [{ A: '12', BB: '12' }, { A: '12' }];
    expect(built(['HOME=/'], files, { ...LIMITS, argumentBytes: bytes }).ok).toBe(true);
    expect(built(['HOME=/'], files, { ...LIMITS, argumentBytes: bytes - 1 })).toEqual({
      ok: false,
      error: `the variable BB of /env0/BB: arguments and environment would take 54 bytes of 53, and it is the longest of the --env-dir; make them shorter`,
    });
  });

  test('never by value', () => {
    const secret = fc.string({ unit: fc.constantFrom('q', '\0', '\n'), minLength: 3 });
    fc.assert(
      fc.property(secret, fc.integer({ min: 1, max: 60 }), (value, argumentBytes) => {
        const result = built([], [{ KEY: `qqq${value}` }], { argumentBytes, command: ['app'] });
        if (!result.ok) expect(result.error).not.toContain('qq');
      }),
    );
  });
});

test('the same environment is the same variables with the same values, in any order', () => {
  expect(sameEnvironment(['A=1', 'B=2'], ['B=2', 'A=1', 'A=3'])).toBe(true);
  expect(sameEnvironment(['A=1'], ['A=2'])).toBe(false);
  expect(sameEnvironment(['A=1'], ['A=1', 'B='])).toBe(false);
  expect(sameEnvironment(['A=1', 'B='], ['A=1'])).toBe(false);
  expect(sameEnvironment(['A=1', 'B='], ['A=1', 'C='])).toBe(false);
});
