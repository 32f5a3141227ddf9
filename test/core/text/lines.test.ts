import { describe, expect, test } from 'vitest';
import type { Content } from '../../../src/core/files/content.ts';
import { changedPaths, sameSnapshot } from '../../../src/core/files/snapshot.ts';
import type { LogLine } from '../../../src/core/log/log.ts';
import { prettyLine } from '../../../src/core/log/pretty.ts';
import {
  describeStatus,
  exitCode,
  startFailureCode,
  startFailureReason,
} from '../../../src/core/process/exit.ts';

/** What is told to people: lines of the log, exit codes, changed paths. */

describe('a line for people', () => {
  const line: LogLine = {
    level: 'warn',
    event: 'watch.missing',
    message: 'gone',
    fields: { watch: '/v', paths: ['a', 'b'], ms: 3 },
  };
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

  test('has the time, the level, the event, the message and the fields', () => {
    expect(prettyLine(line, at, false)).toBe(
      '03:04:05.006Z WARN  watch.missing: gone watch=/v paths=["a","b"] ms=3\n',
    );
  });

  test('has colours only if they are asked for', () => {
    expect(prettyLine(line, at, false)).not.toContain('\u001b');
    expect(prettyLine(line, at, true)).toBe(
      '03:04:05.006Z \u001b[33mWARN \u001b[0m watch.missing: gone\u001b[90m watch=/v paths=["a","b"] ms=3\u001b[0m\n',
    );
    expect(prettyLine({ ...line, fields: {} }, at, true)).not.toContain('\u001b[90m');
  });
});

describe('an exit', () => {
  test('has the code of the child, or 128+n', () => {
    expect(exitCode({ kind: 'code', code: 3 })).toBe(3);
    expect(exitCode({ kind: 'signal', signal: 15 })).toBe(143);
    expect(describeStatus({ kind: 'signal', signal: 9 })).toBe('was ended by SIGKILL');
  });

  test.each([
    ['ENOENT', 127],
    ['ENOTDIR', 127],
    ['EACCES', 126],
    ['ENOEXEC', 126],
    ['EPERM', 126],
    ['ELOOP', 126],
    ['EAGAIN', 125],
    ['ENOMEM', 125],
    ['E2BIG', 125],
  ])('after %s at the start is %i', (errno, code) => {
    expect(startFailureCode(errno)).toBe(code);
    expect(startFailureReason(errno)).toContain(errno);
  });
});

describe('two snapshots', () => {
  const content = (files: Readonly<Record<string, string>>): Content => ({
    digest: JSON.stringify(files),
    files: new Map(Object.entries(files).map(([name, digest]) => [name, { size: 1, digest }])),
    keyed: false,
  });

  test('differ in the files that were added, removed or changed, sorted, each once', () => {
    const before = new Map([
      ['/v', content({ a: '1', b: '1', gone: '1' })],
      ['/v/b', content({ '': '1' })],
    ]);
    const after = new Map([
      ['/v', content({ a: '1', b: '2', added: '1' })],
      ['/v/b', content({ '': '2' })],
    ]);
    expect(changedPaths(before, after)).toEqual(['/v/added', '/v/b', '/v/gone']);
    expect(sameSnapshot(before, after)).toBe(false);
    expect(changedPaths(before, before)).toEqual([]);
    expect(sameSnapshot(before, new Map(before))).toBe(true);
  });
});
