import { expect, test } from 'vitest';
import { packed } from '../../scripts/build/lz4.ts';

/** What packs the image of the static executable; `unpack.c` is tried by the fuzz target, and by every start of it. */

/** Lengths go on while a byte is 255. */
function length(block: Uint8Array, at: number, short: number): readonly [length: number, next: number] {
  let [total, next] = [short, at];
  if (short < 15) return [total, next];
  for (let more = 255; more === 255; next++) {
    more = block[next] ?? 0;
    total += more;
  }
  return [total, next];
}

/** LZ4's block format, read as simply as can be. */
function unpacked(block: Uint8Array): Uint8Array {
  const made: number[] = [];
  for (let at = 0; at < block.length; ) {
    const token = block[at] ?? 0;
    const [literals, from] = length(block, at + 1, token >> 4);
    made.push(...block.subarray(from, from + literals));
    at = from + literals;
    if (at >= block.length) break;
    const distance = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8);
    const [copied, next] = length(block, at + 2, token & 15);
    for (let count = 0; count < copied + 4; count++) made.push(made[made.length - distance] ?? -1);
    at = next;
  }
  return Uint8Array.from(made);
}

/** Bytes that look like a heap: many zeros, and words that come again. */
function heap(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = size + 1;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 30 === 0 ? (state >>> 16) & 0x0f : (bytes[at - 24] ?? 0);
  }
  return bytes;
}

test('what was packed comes back, and takes less', () => {
  for (const size of [0, 1, 4, 12, 13, 14, 270, 1_000, 70_000, 200_000]) {
    const input = heap(size);
    const block = packed(input);
    expect(Buffer.from(unpacked(block)).equals(input), `${size} bytes`).toBe(true);
    if (size >= 1_000) expect(block.length).toBeLessThan(size);
  }
  const noise = Uint8Array.from({ length: 5_000 }, (_, index) => Math.imul(index, 2_654_435_761) >>> 24);
  expect(Buffer.from(unpacked(packed(noise))).equals(noise)).toBe(true);
});
