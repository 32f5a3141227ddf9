import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOfText, textOfBytes } from '../../../src/core/text/bytes.ts';

const buffer = (bytes: string) => Buffer.from(bytes, 'latin1');

test('bytesOfText gives the UTF-8 bytes of any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(buffer(bytesOfText(text)).equals(Buffer.from(text))).toBe(true);
    }),
  );
});

test('textOfBytes gives the text back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(textOfBytes(bytesOfText(text))).toBe(text);
    }),
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
      if (isUtf8(string)) expect(text).toBe(buffer(string).toString());
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
