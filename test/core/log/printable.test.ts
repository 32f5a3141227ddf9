import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prettyFormatter, telling, type WriteLine } from '../../../src/core/log/formatter.ts';
import { JSON_SHAPES, jsonLine } from '../../../src/core/log/json.ts';
import { LOG_FORMATS, type LogFormat, type LogLine, type LogValue } from '../../../src/core/log/log.ts';
import { refusalLine } from '../../../src/core/log/printable.ts';
import { createFormatter } from '../../../src/node/log.ts';

/** Nothing that others wrote makes a line of its own, moves a cursor or turns text round (specification 4.8). */

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are looked for.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

const text = fc.string({
  unit: fc.constantFrom(
    'a',
    '\n',
    '\r',
    '\x1b',
    '\x1b]0;x\x07',
    '\x9b',
    '\x7f',
    '\u202e',
    '\u2069',
    '\u2028',
    '"',
    '\\',
    'é',
  ),
  maxLength: 6,
});
const value: fc.Arbitrary<LogValue> = fc.oneof(
  text,
  fc.nat(),
  fc.boolean(),
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(text, text, { maxKeys: 3 }),
);
const line: fc.Arbitrary<LogLine> = fc.record({
  level: fc.constantFrom('trace', 'info', 'fatal'),
  event: text,
  message: text,
  fields: fc.dictionary(text, value, { maxKeys: 3 }),
});

/** The formatters of both hosts; what they write comes into `lines`. */
function formatters(format: LogFormat) {
  const lines: string[] = [];
  const writer = { write: (one: string) => void lines.push(one), dropped: () => 0 };
  const own: WriteLine =
    format === 'pretty'
      ? prettyFormatter('trace', false, writer)
      : (one, at) => writer.write(jsonLine(one, at, JSON_SHAPES[format]));
  const all = [telling(own, writer), createFormatter({ level: 'trace', format, colours: false }, writer)];
  return { lines, write: (made: LogLine) => all.forEach((write) => void write(made, 0)) };
}

describe('a line of the log', () => {
  test.each(LOG_FORMATS)('is one line of printable text as %s, whatever stands in it', (format) => {
    const { lines, write } = formatters(format);
    fc.assert(
      fc.property(line, (made) => {
        lines.length = 0;
        write(made);
        expect(lines).toHaveLength(2);
        for (const one of lines) {
          expect(one.endsWith('\n')).toBe(true);
          expect(one.slice(0, -1)).not.toMatch(UNPRINTABLE);
          if (format !== 'pretty') expect(JSON.parse(one)).toBeTypeOf('object');
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('a refusal is one line of printable text', () => {
  fc.assert(
    fc.property(text, (message) => {
      const one = refusalLine(message);
      expect(one).toMatch(/^rehup: .*\n$/);
      expect(one.slice(0, -1)).not.toMatch(UNPRINTABLE);
    }),
  );
});

describe('by their sources', () => {
  const root = join(import.meta.dirname, '../../../src');
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name, readFileSync(join(root, name), 'utf8')] as const);
  const saying = (pattern: RegExp) =>
    sources.flatMap(([name, source]) => (pattern.test(source) ? [name] : [])).sort();

  test('the hosts write to stderr from two places each: the log, and the line of a refusal', () => {
    const writing =
      /native\.log\(|native\.print\((?!socket\b)|writeSync\((?:2|descriptor)\b|process\.std\w+\.|console\.|\bpino\(/;
    expect(saying(writing)).toEqual([
      'controller/host/log.ts',
      'controller/host/main.ts',
      'node/log.ts',
      'node/main.ts',
      'node/stderr.ts',
      'static/log.ts',
      'static/main.ts',
    ]);
    const places = (name: string, pattern: RegExp) =>
      readFileSync(join(root, name), 'utf8').match(pattern)?.length;
    expect(places('static/main.ts', /native\.log\(bytesOfText\(refusalLine\(/g)).toBe(1);
    expect(places('static/main.ts', /native\.log\(/g)).toBe(1);
    expect(places('node/main.ts', /say\(2, refusalLine\(/g)).toBe(1);
    expect(places('node/main.ts', /say\(2,/g)).toBe(1);
    // Every formatter goes through the one step that makes lines printable: two by hand, and pino or the one for people.
    expect(places('static/log.ts', /\btelling\(/g)).toBe(2);
    expect(places('controller/host/log.ts', /\btelling\(/g)).toBe(1);
    expect(places('controller/host/main.ts', /writeSync\(2, refusalLine\(/g)).toBe(1);
    expect(places('controller/host/main.ts', /writeSync\(2,/g)).toBe(1);
    expect(places('node/log.ts', /\btelling\(/g)).toBe(1);
  });

  test('bytes are made texts in one place of the core and the command line', () => {
    const decoding = /fromCodePoint|TextDecoder|decodeURI|escape\(/;
    const inside = saying(decoding).filter((name) => /^(?:core|cli)\//.test(name));
    expect(inside).toEqual(['core/text/bytes.ts']);
  });
});
