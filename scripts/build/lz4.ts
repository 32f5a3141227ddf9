/**
 * Writes LZ4's block format (lz4_Block_format.md of its project), which `unpack.c` reads: literal bytes, and copies of what came
 * before. It takes its time, once, for what is read at each start.
 */

/** The shortest copy, and how far back one may reach. */
const LEAST_COPY = 4;
const FARTHEST = 0xffff;

/** What overlaps with itself is copied byte by byte, unless it is all one byte. */
const LEAST_DISTANCE = 8;

/** A block ends in so many literal bytes, and no copy begins later than so many before its end. */
const LAST_LITERALS = 5;
const LAST_COPY = 12;

/** How many earlier places are tried for the longest copy. */
const TRIES = 256;

/** Bytes that a copy takes: its token and its distance; and so many more from a length on that is not in the token. */
const COPY_BYTES = 3;
const IN_TOKEN = 15;
const PER_MORE = 255;

/** What a copy whose length is not in the token costs the reader besides, as if it were so many bytes: it has to guess. */
const LONG_TIME = 3;

/** Up to this length a shorter copy than the longest is considered, so that a better one may follow it. */
const MOST_SHORTENED = 64;

/** For each place the longest copy that can begin there; 0 for none. */
type Copies = { readonly lengths: Int32Array; readonly distances: Int32Array };

/** The same bytes for the same input, whatever machine. */
export function packed(input: Uint8Array): Uint8Array {
  const copies = copiesIn(input);
  const chosen = cheapest(copies.lengths);
  const output: number[] = [];
  let literals = 0;
  for (let at = 0; at < input.length; ) {
    const length = chosen[at] ?? 0;
    if (length === 0) {
      at += 1;
      continue;
    }
    sequence(output, input.subarray(literals, at), { distance: copies.distances[at] ?? 0, length });
    at += length;
    literals = at;
  }
  sequence(output, input.subarray(literals), undefined);
  return Uint8Array.from(output);
}

/** From the end on, what the rest costs if a literal byte or a copy begins it; the length of that copy, 0 for a byte. */
function cheapest(lengths: Int32Array): Int32Array {
  const costs = new Float64Array(lengths.length + 1);
  const chosen = new Int32Array(lengths.length);
  for (let at = lengths.length - 1; at >= 0; at--) {
    let best = 1 + (costs[at + 1] ?? 0);
    const longest = lengths[at] ?? 0;
    for (let length = longest; length >= LEAST_COPY; ) {
      const cost = costOf(length) + (costs[at + length] ?? 0);
      if (cost < best) {
        best = cost;
        chosen[at] = length;
      }
      length = Math.min(length - 1, MOST_SHORTENED);
    }
    costs[at] = best;
  }
  return chosen;
}

function costOf(length: number): number {
  const more = length - LEAST_COPY - IN_TOKEN;
  return COPY_BYTES + (more < 0 ? 0 : 1 + Math.floor(more / PER_MORE) + LONG_TIME);
}

function copiesIn(input: Uint8Array): Copies {
  const lengths = new Int32Array(input.length);
  const distances = new Int32Array(input.length);
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  /** Where each four bytes were last, and where those at a place were before. */
  const last = new Map<number, number>();
  const before = new Int32Array(input.length).fill(-1);
  for (let at = 0; at < input.length - LAST_COPY; at++) {
    const most = input.length - LAST_LITERALS - at;
    const key = view.getUint32(at);
    let place = last.get(key) ?? -1;
    before[at] = place;
    last.set(key, at);
    let longest = 0;
    for (let tries = 0; tries < TRIES && place >= 0 && at - place <= FARTHEST; tries++) {
      const distance = at - place;
      const mayBeLonger = input[place + longest] === input[at + longest];
      if (mayBeLonger && (distance === 1 || distance >= LEAST_DISTANCE)) {
        let length = 0;
        while (length < most && input[place + length] === input[at + length]) length++;
        if (length > longest) {
          longest = length;
          distances[at] = distance;
        }
        if (length === most) break;
      }
      place = before[place] ?? -1;
    }
    lengths[at] = longest;
  }
  return { lengths, distances };
}

/** A copy of `length` bytes that lie `distance` before. */
type Copy = { readonly distance: number; readonly length: number };

function sequence(output: number[], literals: Uint8Array, copy: Copy | undefined): void {
  const more = copy === undefined ? 0 : copy.length - LEAST_COPY;
  output.push((Math.min(literals.length, IN_TOKEN) << 4) | Math.min(more, IN_TOKEN));
  rest(output, literals.length);
  output.push(...literals);
  if (copy === undefined) return;
  output.push(copy.distance & 0xff, copy.distance >> 8);
  rest(output, more);
}

/** What of a length the four bits in the token do not hold. */
function rest(output: number[], length: number): void {
  if (length < IN_TOKEN) return;
  let left = length - IN_TOKEN;
  for (; left >= PER_MORE; left -= PER_MORE) output.push(PER_MORE);
  output.push(left);
}
