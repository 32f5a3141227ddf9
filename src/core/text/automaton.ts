import { characterAt } from './bytes.ts';

/**
 * Matching without going back: all places of a pattern that what was read so far may have led to are followed side by
 * side. So a match takes at most as many steps as the text has characters times the pattern has places, whatever either
 * of them holds. What was found to follow from which places is remembered, as much as there is room for, so that most
 * characters take one step.
 */

/** What stands at one place. A character is a number, as `characterAt` gives it. */
export type Place =
  | { readonly kind: 'character'; readonly character: number }
  /** Any character but a slash, as in a name. */
  | { readonly kind: 'name' }
  /** Any character at all. */
  | { readonly kind: 'any' }
  /** One of these ranges, ends included, or of none of them; and no slash. */
  | { readonly kind: 'in' | 'not-in'; readonly ranges: readonly (readonly [from: number, to: number])[] }
  /** Goes on behind this place and at the other one. */
  | { readonly kind: 'fork'; readonly to: number }
  | { readonly kind: 'jump'; readonly to: number }
  /** The pattern is over. */
  | { readonly kind: 'end' };

/** The places of a pattern, which begins at the first one; others are named by their number. */
export type Pattern = readonly Place[];

/** What a match came to, and how many steps it took: a step looks at one place once. */
export type Match = { readonly matched: boolean; readonly steps: number };

/** The places that may be next, whether the pattern may be over here, and what is known to follow. */
type State = {
  readonly places: readonly number[];
  readonly over: boolean;
  readonly next: Map<number, State>;
};

/** So many places and steps are remembered; then all that was is forgotten. */
const MOST_REMEMBERED = 16_384;

const SLASH = 0x2f;

/** A pattern that matches what any of these does. */
export function anyOf(patterns: readonly Pattern[]): Pattern {
  const places: Place[] = [];
  for (const pattern of patterns) {
    const start = places.length + 1;
    places.push({ kind: 'fork', to: start + pattern.length });
    for (const place of pattern) places.push('to' in place ? { ...place, to: place.to + start } : place);
  }
  // After the last of them there is nothing more to be tried.
  return [...places, { kind: 'in', ranges: [] }];
}

/** Says whether a pattern describes a byte string wholly, or up to one of its slashes. */
export function matcherOf(pattern: Pattern): (text: string) => Match {
  const seen = pattern.map(() => false);
  let states = new Map<string, State>();
  let remembered = 0;
  let first = stateAfter([0]);

  /** The state in which any of these places is next. Counts its own steps. */
  function stateAfter(starts: readonly number[]): { readonly state: State; readonly steps: number } {
    const places: number[] = [];
    const reached: number[] = [];
    let over = false;
    let steps = 0;
    for (const start of starts) {
      const pending = [start];
      for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
        steps += 1;
        if (seen[index] === true) continue;
        seen[index] = true;
        reached.push(index);
        const place = pattern[index];
        if (place?.kind === 'fork') pending.push(index + 1, place.to);
        else if (place?.kind === 'jump') pending.push(place.to);
        else if (place?.kind === 'end') over = true;
        else places.push(index);
      }
    }
    for (const index of reached) seen[index] = false;
    const key = `${over} ${places.join()}`;
    const known = states.get(key);
    if (known !== undefined) return { state: known, steps };
    const state = { places, over, next: new Map<number, State>() };
    states.set(key, state);
    remembered += places.length + 1;
    return { state, steps };
  }

  function forget(): void {
    states = new Map();
    remembered = 0;
    first = stateAfter([0]);
  }

  function after(state: State, character: number): { readonly state: State; readonly steps: number } {
    if (remembered > MOST_REMEMBERED) forget();
    const taken = state.places.filter((index) => takes(pattern[index], character));
    const next = stateAfter(taken.map((index) => index + 1));
    state.next.set(character, next.state);
    remembered += 1;
    return { state: next.state, steps: next.steps + state.places.length };
  }

  return (text) => {
    let { state } = first;
    let steps = 1;
    for (let at = 0; at < text.length; ) {
      let character = text.charCodeAt(at);
      let length = 1;
      if (character >= 0x80) ({ character, length } = characterAt(text, at));
      if (character === SLASH && state.over) return { matched: true, steps };
      steps += 1;
      let next = state.next.get(character);
      if (next === undefined) {
        const found = after(state, character);
        next = found.state;
        steps += found.steps;
      }
      state = next;
      at += length;
    }
    return { matched: state.over, steps };
  };
}

function takes(place: Place | undefined, character: number): boolean {
  switch (place?.kind) {
    case 'character':
      return place.character === character;
    case 'name':
      return character !== SLASH;
    case 'any':
      return true;
    case 'in':
      return character !== SLASH && place.ranges.some(([from, to]) => character >= from && character <= to);
    case 'not-in':
      return character !== SLASH && !place.ranges.some(([from, to]) => character >= from && character <= to);
    default:
      return false;
  }
}
