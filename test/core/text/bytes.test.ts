import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOfText, printable, textOfBytes } from '../../../src/core/text/bytes.ts';

const buffer = (bytes: string) => Buffer.from(bytes, 'latin1');

test('bytesOfText gives the UTF-8 bytes of any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(buffer(bytesOfText(text)).equals(Buffer.from(text))).toBe(true);
    }),
  );
});

test('textOfBytes gives the text back, printable', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(textOfBytes(bytesOfText(text))).toBe(printable(text));
    }),
  );
  const many = 'aé☃😀 א\u00a0\u2003\u00ad';
  expect(textOfBytes(bytesOfText(many))).toBe(many);
});

test('what would move a cursor, begin a line or turn text round is escaped, and nothing else', () => {
  expect(printable('a\nb\tc\rd\x1b[2J\x07\x00\x7f')).toBe('a\\nb\\tc\\rd\\x1b[2J\\x07\\x00\\x7f');
  expect(textOfBytes('\xc2\x9b31m\xe2\x80\xae\x85')).toBe('\\u009b31m\\u202e\\x85');
  const escaped = Array.from({ length: 0x3000 }, (_, code) => code).filter(
    (code) => printable(String.fromCharCode(code)) !== String.fromCharCode(code),
  );
  const ranges = [
    [0, 0x1f],
    [0x7f, 0x9f],
    [0x2028, 0x202e],
    [0x2066, 0x2069],
  ];
  expect(escaped).toEqual(
    ranges.flatMap(([from = 0, to = 0]) => Array.from({ length: to - from + 1 }, (_, index) => from + index)),
  );
});

test('textOfBytes agrees with a strict decoder on which bytes are UTF-8', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const isUtf8 = (bytes: string) => {
    try {
      decoder.decode(buffer(bytes));
      return true;
    } catch {
      return false;
    }
  };
  const bytes = fc.uint8Array({ maxLength: 6 }).map((array) => Buffer.from(array).toString('latin1'));
  fc.assert(
    fc.property(bytes, (string) => {
      const text = textOfBytes(string);
      if (isUtf8(string)) expect(text).toBe(printable(buffer(string).toString()));
      else expect(text).toMatch(/\\x[89a-f][0-9a-f]/);
    }),
    { numRuns: 5_000 },
  );
});

test('textOfBytes shows invalid bytes one by one and keeps what is valid around them', () => {
  expect(textOfBytes('a\xe9b')).toBe('a\\xe9b');
  expect(textOfBytes('\xc3\xa9\xff')).toBe('é\\xff');
  expect(textOfBytes('\xed\xa0\x80')).toBe('\\xed\\xa0\\x80');
  expect(textOfBytes('\xf0\x9f\x98')).toBe('\\xf0\\x9f\\x98');
});
