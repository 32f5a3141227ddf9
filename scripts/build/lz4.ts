/** Writes LZ4's block format (lz4_Block_format.md of its project), which `unpack.c` reads. */

/** The shortest copy, and how far back one may reach. */
const LEAST_COPY = 4;
const FARTHEST = 0xffff;

/** Shorter ones than this cost more time when they are read than the little space is worth. */
const WORTHWHILE = 6;

/** A block ends in so many literal bytes, and no copy begins later than so many before its end. */
const LAST_LITERALS = 5;
const LAST_COPY = 12;

/** How many earlier places are tried for the longest copy. */
const TRIES = 64;

/** A copy of `length` bytes that lie `distance` before. */
type Copy = { readonly distance: number; readonly length: number };

/** The same bytes for the same input, whatever machine. */
export function packed(input: Uint8Array): Uint8Array {
  const output: number[] = [];
  const places = new Places(input);
  let literals = 0;
  let at = 0;
  while (at < input.length - LAST_COPY) {
    const found = places.longest(at);
    places.add(at);
    // A longer one that begins at the next byte is worth more.
    if (
      found === undefined ||
      found.length < WORTHWHILE ||
      (places.longest(at + 1)?.length ?? 0) > found.length
    ) {
      at += 1;
      continue;
    }
    sequence(output, input.subarray(literals, at), found);
    for (let inside = at + 1; inside < at + found.length; inside++) places.add(inside);
    at += found.length;
    literals = at;
  }
  sequence(output, input.subarray(literals), undefined);
  return Uint8Array.from(output);
}

function sequence(output: number[], literals: Uint8Array, copy: Copy | undefined): void {
  const more = copy === undefined ? 0 : copy.length - LEAST_COPY;
  output.push((Math.min(literals.length, 15) << 4) | Math.min(more, 15));
  rest(output, literals.length);
  output.push(...literals);
  if (copy === undefined) return;
  output.push(copy.distance & 0xff, copy.distance >> 8);
  rest(output, more);
}

/** What of a length the four bits in the token do not hold. */
function rest(output: number[], length: number): void {
  if (length < 15) return;
  let left = length - 15;
  for (; left >= 255; left -= 255) output.push(255);
  output.push(left);
}

/** Where in the input each four bytes were before. */
class Places {
  readonly #input: Uint8Array;
  readonly #view: DataView;
  readonly #last = new Map<number, number>();
  readonly #before: Int32Array;

  constructor(input: Uint8Array) {
    this.#input = input;
    this.#view = new DataView(input.buffer, input.byteOffset, input.length);
    this.#before = new Int32Array(input.length).fill(-1);
  }

  add(at: number): void {
    if (at + LEAST_COPY > this.#input.length) return;
    const key = this.#view.getUint32(at);
    this.#before[at] = this.#last.get(key) ?? -1;
    this.#last.set(key, at);
  }

  longest(at: number): Copy | undefined {
    const most = this.#input.length - LAST_LITERALS - at;
    if (most < LEAST_COPY || at >= this.#input.length - LAST_COPY) return undefined;
    let best: Copy | undefined;
    let place = this.#last.get(this.#view.getUint32(at)) ?? -1;
    for (let tries = 0; tries < TRIES && place >= 0 && at - place <= FARTHEST; tries++) {
      let length = LEAST_COPY;
      while (length < most && this.#input[place + length] === this.#input[at + length]) length++;
      if (length > (best?.length ?? 0)) best = { distance: at - place, length };
      if (length === most) break;
      place = this.#before[place] ?? -1;
    }
    return best;
  }
}
