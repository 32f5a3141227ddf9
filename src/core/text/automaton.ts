/**
 * Matching without going back: all places of a pattern that what was read so far may have led to are followed side by
 * side. So a match takes at most as many steps as the text has characters times the pattern has places, whatever either
 * of them holds.
 */

/** Sets of characters, as ranges of code points, both ends included. */
export type Ranges = readonly (readonly [from: number, to: number])[];

/** What stands at one place. A character is a number, as `charactersOf` gives them. */
export type Place =
  | { readonly kind: 'character'; readonly character: number }
  /** Any character but a slash, as in a name. */
  | { readonly kind: 'name' }
  /** Any character at all. */
  | { readonly kind: 'any' }
  /** One of these, or none of these, and no slash. */
  | { readonly kind: 'in' | 'not-in'; readonly ranges: Ranges }
  /** Goes on at the next place and at this one. */
  | { readonly kind: 'fork'; readonly to: number }
  | { readonly kind: 'jump'; readonly to: number };

/** The places in order; behind the last one the pattern is over. */
export type Pattern = readonly Place[];

/** What a match came to, and how many steps it took: a step looks at one place once. */
export type Match = { readonly matched: boolean; readonly steps: number };

const SLASH = 0x2f;

/** Whether a pattern describes a text wholly, or up to one of its slashes. */
export function match(pattern: Pattern, text: readonly number[]): Match {
  const seen: number[] = pattern.map(() => -1);
  const end = pattern.length;
  let steps = 0;
  let ended = false;

  /** Adds the places at which a character can be read that `start` leads to; each once for the characters before `at`. */
  function reach(places: number[], start: number, at: number): void {
    const pending = [start];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      steps += 1;
      if (index === end) {
        ended = true;
        continue;
      }
      if (seen[index] === at) continue;
      seen[index] = at;
      const place = pattern[index];
      if (place?.kind === 'fork') pending.push(index + 1, place.to);
      else if (place?.kind === 'jump') pending.push(place.to);
      else places.push(index);
    }
  }

  let places: number[] = [];
  reach(places, 0, 0);
  for (let at = 0; ; at++) {
    const character = text[at];
    if (ended && (character === undefined || character === SLASH)) return { matched: true, steps };
    if (character === undefined || places.length === 0) return { matched: false, steps };
    ended = false;
    const next: number[] = [];
    for (const index of places) {
      const place = pattern[index];
      if (place !== undefined && takes(place, character)) reach(next, index + 1, at + 1);
    }
    places = next;
  }
}

function takes(place: Place, character: number): boolean {
  switch (place.kind) {
    case 'character':
      return place.character === character;
    case 'name':
      return character !== SLASH;
    case 'any':
      return true;
    case 'in':
      return character !== SLASH && isIn(place.ranges, character);
    case 'not-in':
      return character !== SLASH && !isIn(place.ranges, character);
    case 'fork':
    case 'jump':
      return false;
    default:
      return place satisfies never;
  }
}

function isIn(ranges: Ranges, character: number): boolean {
  return ranges.some(([from, to]) => character >= from && character <= to);
}
