import { describe, expect, test } from 'vitest';
import { RUN_OPTIONS } from '../../src/cli/options.ts';
import { given, refusal } from '../support/parsing.ts';

/** Specification 1: words and variables in, settings or one line out. */

describe('--help', () => {
  const text = () => {
    const invocation = given(['--help'], { columns: () => 80 });
    return invocation.kind === 'print' ? invocation.text : '';
  };

  test('shows every option once, in its group, with its default', () => {
    const groups = text().split(/^(\w+):$/m);
    for (const { group, flags, default: value } of RUN_OPTIONS) {
      const section = groups[groups.indexOf(group) + 1] ?? '';
      expect(section).toContain(flags);
      expect(text().split(flags)).toHaveLength(2);
      if (value !== undefined) expect(section.replace(/\s+/g, ' ')).toContain(`(default: ${value})`);
    }
  });

  test('keeps to the width of the terminal, and to 100 columns where there is none', () => {
    for (const columns of [60, 72, 80, 100, 132, undefined]) {
      const invocation = given(['--help'], { columns: () => columns });
      const lines = invocation.kind === 'print' ? invocation.text.split('\n') : [];
      expect(lines.length).toBeGreaterThan(60);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns ?? 100);
    }
  });

  test('and --version and -h print and do nothing else', () => {
    expect(given(['--version', 'app'])).toEqual({ kind: 'print', text: '1.2.3\n' });
    expect(given(['-h'])).toMatchObject({ kind: 'print' });
    expect(given(['run', '--help'])).toMatchObject({ kind: 'print' });
  });
});

test('an unknown option is refused, with the one that was meant', () => {
  expect(refusal(['--pol', '1s', 'app'])).toBe('--pol: no such option; did you mean --poll?');
  expect(refusal(['-x', 'app'])).toBe('-x: no such option; see rehup --help');
});
