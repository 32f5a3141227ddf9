/*
 * Room `text/`: small languages and plain values: bytes, words, durations, globs, paths, addresses. May not know what
 * they are used for.
 */

/**
 * Byte strings: JavaScript strings with one character 0–255 for each byte. Paths, argv and the environment cross
 * every port in this form, because Linux promises no encoding for them (path_resolution(7), environ(7)).
 */

/** The UTF-8 bytes of a text, as a byte string. A lone surrogate becomes U+FFFD, as in the Encoding Standard. */
export function bytesOfText(text: string): string {
  if (isAscii(text)) return text;
  let bytes = '';
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    if (code < 0x80) bytes += String.fromCharCode(code);
    else if (code < 0x800) bytes += String.fromCharCode(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000) {
      bytes += String.fromCharCode(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    } else {
      bytes += String.fromCharCode(
        0xf0 | (code >> 18),
        0x80 | ((code >> 12) & 0x3f),
        0x80 | ((code >> 6) & 0x3f),
        0x80 | (code & 0x3f),
      );
    }
  }
  return bytes;
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all 128 are meant.
  return /^[\x00-\x7f]*$/.test(text);
}

/**
 * The text that a byte string holds as UTF-8, for people and JSON, printable as {@link printable} makes it; each invalid
 * byte becomes `\xNN`. Whatever others may write (names, output, words of the command line) comes into texts by this alone.
 */
export function textOfBytes(bytes: string): string {
  return PLAIN.test(bytes) ? bytes : printable(decoded(bytes));
}

/** What is printable as it is: nearly everything, and told at once. */
const PLAIN = /^[\x20-\x7e]*$/;

function decoded(bytes: string): string {
  if (isAscii(bytes)) return bytes;
  let text = '';
  let index = 0;
  while (index < bytes.length) {
    const { point, length } = decodeOne(bytes, index);
    text += point === undefined ? escapeByte(bytes.charCodeAt(index)) : String.fromCodePoint(point);
    index += length;
  }
  return text;
}

/** The control characters C0, DEL and C1; line and paragraph separator; what turns the direction of text (specification 4.8). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are meant.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A text in which nothing moves the cursor of a terminal, begins another line, or turns the text behind it: such characters
 * are written as `\n`, `\x1b`, `\u202e`. What is printable stays as it is, so to do it twice is to do it once.
 */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0);
    return SHORT[character] ?? (code < 0x80 ? escapeByte(code) : `\\u${code.toString(16).padStart(4, '0')}`);
  });
}

/** Above all code points: the number of a byte that is no UTF-8 is this and the byte. */
const STRAY = 0x110000;

/** A character of a byte string by its code point, and its bytes; a byte that is no UTF-8 is one with a number of its own. */
export function characterAt(
  bytes: string,
  index: number,
): { readonly character: number; readonly length: number } {
  const { point, length } = decodeOne(bytes, index);
  return { character: point ?? STRAY + bytes.charCodeAt(index), length };
}

export function charactersOf(bytes: string): readonly number[] {
  const characters: number[] = [];
  for (let index = 0; index < bytes.length; ) {
    const { character, length } = characterAt(bytes, index);
    characters.push(character);
    index += length;
  }
  return characters;
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** Smallest code point that may be written with 1, 2, 3, 4 bytes (RFC 3629, section 3). */
const SMALLEST = [0, 0x80, 0x800, 0x10000] as const;

function decodeOne(bytes: string, index: number): { point: number | undefined; length: number } {
  const lead = bytes.charCodeAt(index);
  if (lead < 0x80) return { point: lead, length: 1 };
  const more = lead >= 0xf0 && lead < 0xf8 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  const invalid = { point: undefined, length: 1 };
  if (more === 0 || lead >= 0xf8 || index + more >= bytes.length) return invalid;
  let point = lead & (0x3f >> more);
  for (let offset = 1; offset <= more; offset++) {
    const byte = bytes.charCodeAt(index + offset);
    if ((byte & 0xc0) !== 0x80) return invalid;
    point = (point << 6) | (byte & 0x3f);
  }
  const tooSmall = point < (SMALLEST[more] ?? 0);
  const surrogate = point >= 0xd800 && point <= 0xdfff;
  return tooSmall || surrogate || point > 0x10ffff ? invalid : { point, length: more + 1 };
}
