import { anyOf, matcherOf, type Pattern, type Place } from './automaton.ts';
import { charactersOf } from './bytes.ts';
import { failure, type Result, success } from './result.ts';

/** Says whether a path, relative to its watch and without a leading slash, is one that the pattern names. */
export type PathPredicate = (path: string) => boolean;

/**
 * Says of a path whether any of the patterns names it, each with the wildcards of gitignore(5): `*` and `?` stay within a
 * name, `**` crosses directories, `[a-z]` and `[!a-z]` are sets, `{a,b}` are alternatives, `\` quotes the next character.
 * A pattern without a slash names a file or directory at any depth, one with a slash is relative to the watch. What lies
 * below a directory that is named is named too. A match is linear in the length of the path, for any bytes.
 */
export function pathPredicate(patterns: readonly Pattern[]): PathPredicate {
  if (patterns.length === 0) return () => false;
  const match = matcherOf(anyOf(patterns));
  return (path) => match(path).matched;
}

/** Compiles one `--ignore` pattern. */
export function compileGlob(text: string): Result<Pattern> {
  const anchored = text.replace(/^\//, '').replace(/\/$/, '');
  if (anchored === '') return failure('an empty pattern');
  const places: Place[] = [];
  if (!text.replace(/\/$/, '').includes('/')) addDirectories(places, true);
  const wrong = translate(charactersOf(anchored), places);
  if (wrong !== undefined) return failure(wrong);
  return success([...places, { kind: 'end' }]);
}

/** Adds the places of a pattern; what is wrong with it, if that is so. */
function translate(pattern: readonly number[], places: Place[]): string | undefined {
  const open: Alternatives[] = [];
  let index = 0;
  while (index < pattern.length) {
    const character = pattern[index] ?? 0;
    const alternatives = open.at(-1);
    index += 1;
    if (character === BACKSLASH && index < pattern.length) {
      places.push({ kind: 'character', character: pattern[index] ?? 0 });
      index += 1;
    } else if (character === QUESTION) places.push({ kind: 'name' });
    else if (character === STAR) {
      index = addStars(pattern, index - 1, places);
    } else if (character === BRACKET) {
      const set = readSet(pattern, index);
      if (!set.ok) return set.error;
      places.push(set.value.place);
      index = set.value.end;
    } else if (character === BRACE) {
      open.push({ fork: places.length, jumps: [] });
      places.push(NOWHERE);
    } else if (character === COMMA && alternatives !== undefined) {
      alternatives.jumps.push(places.length);
      places.push(NOWHERE);
      places[alternatives.fork] = { kind: 'fork', to: places.length };
      alternatives.fork = places.length;
      places.push(NOWHERE);
    } else if (character === CLOSING_BRACE && alternatives !== undefined) {
      // The last one leads nowhere else.
      places[alternatives.fork] = { kind: 'jump', to: alternatives.fork + 1 };
      for (const jump of alternatives.jumps) places[jump] = { kind: 'jump', to: places.length };
      open.pop();
    } else places.push({ kind: 'character', character });
  }
  return open.length === 0 ? undefined : 'a { without its }';
}

/** The group of alternatives that is being read: where its present one begins, and the ends of those before. */
type Alternatives = { fork: number; readonly jumps: number[] };

const [BACKSLASH, QUESTION, STAR, SLASH, COMMA] = [0x5c, 0x3f, 0x2a, 0x2f, 0x2c] as const;
const [BRACKET, CLOSING_BRACKET, BRACE, CLOSING_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d] as const;
const [EXCLAMATION, CARET, HYPHEN] = [0x21, 0x5e, 0x2d] as const;

/** What is replaced once it is known where it leads. */
const NOWHERE: Place = { kind: 'jump', to: 0 };

function repeat(places: Place[], place: Place): void {
  const start = places.length;
  places.push({ kind: 'fork', to: start + 3 }, place, { kind: 'jump', to: start });
}

/** The stars that begin at `start`; answers where they end. */
function addStars(pattern: readonly number[], start: number, places: Place[]): number {
  let end = start;
  while (pattern[end] === STAR) end += 1;
  const crosses = end - start > 1 && (start === 0 || pattern[start - 1] === SLASH);
  if (crosses && pattern[end] === SLASH) {
    addDirectories(places, true);
    return end + 1;
  }
  if (crosses && end === pattern.length) addDirectories(places, false);
  else repeat(places, { kind: 'name' });
  return end;
}

/** `**`, and any directories at all with the slash behind it. */
function addDirectories(places: Place[], slash: boolean): void {
  if (slash) places.push({ kind: 'fork', to: places.length + 5 });
  repeat(places, { kind: 'any' });
  if (slash) places.push({ kind: 'character', character: SLASH });
}

/** What stands in brackets from `start` on. A `]` at the beginning is one of the set. */
function readSet(
  pattern: readonly number[],
  start: number,
): Result<{ readonly place: Place; readonly end: number }> {
  const negated = pattern[start] === EXCLAMATION || pattern[start] === CARET;
  const first = negated ? start + 1 : start;
  const end = pattern.indexOf(CLOSING_BRACKET, first + 1);
  if (end < 0) return failure('a [ without its ]');
  const ranges: [from: number, to: number][] = [];
  for (let index = first; index < end; index++) {
    const from = pattern[index] ?? 0;
    const isRange = pattern[index + 1] === HYPHEN && index + 2 < end;
    const to = isRange ? (pattern[index + 2] ?? 0) : from;
    if (to < from) return failure('a range out of order between [ and ]; put the lower one first');
    ranges.push([from, to]);
    if (isRange) index += 2;
  }
  return success({ place: { kind: negated ? 'not-in' : 'in', ranges }, end: end + 1 });
}
