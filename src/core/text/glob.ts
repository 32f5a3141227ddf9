import { match, type Pattern, type Place } from './automaton.ts';
import { charactersOf } from './bytes.ts';
import { failure, type Result, success } from './result.ts';

/** Says whether a path, relative to its watch and without a leading slash, is one that the pattern names. */
export type PathPredicate = (path: string) => boolean;

/**
 * Compiles one `--ignore` pattern with the wildcards of gitignore(5): `*` and `?` stay within a name, `**` crosses
 * directories, `[a-z]` and `[!a-z]` are sets, `{a,b}` are alternatives, `\` quotes the next character. A pattern
 * without a slash names a file or directory at any depth, one with a slash is relative to the watch. What lies below
 * a directory that is named is named too. A match is linear in the length of the path, for any bytes.
 */
export function compileGlob(pattern: string): Result<PathPredicate> {
  const anchored = pattern.replace(/^\//, '').replace(/\/$/, '');
  if (anchored === '') return failure('an empty pattern');
  const translated = translateGlob(anchored);
  if (!translated.ok) return translated;
  const places = translated.value;
  if (pattern.replace(/\/$/, '').includes('/')) {
    return success((path) => match(places, charactersOf(path)).matched);
  }
  // It has no slash, so it can only match a name by itself.
  return success((path) => path.split('/').some((name) => match(places, charactersOf(name)).matched));
}

/** The places of a pattern that is matched from the beginning of a path. */
export function translateGlob(text: string): Result<Pattern> {
  const pattern = charactersOf(text);
  const places: Place[] = [];
  const open: Alternatives[] = [];
  let index = 0;
  const next = (offset = 0) => pattern[index + offset];
  while (index < pattern.length) {
    const character = next() ?? 0;
    const alternatives = open.at(-1);
    index += 1;
    if (character === BACKSLASH && index < pattern.length) {
      places.push({ kind: 'character', character: next() ?? 0 });
      index += 1;
    } else if (character === QUESTION) places.push({ kind: 'name' });
    else if (character === STAR) {
      const first = index === 1 || pattern[index - 2] === SLASH;
      let stars = 1;
      while (next() === STAR) {
        stars += 1;
        index += 1;
      }
      const slash = next() === SLASH;
      if (stars > 1 && first && (slash || index === pattern.length)) {
        if (slash) index += 1;
        addDirectories(places, slash);
      } else {
        if (slash) index += 1;
        repeat(places, { kind: 'name' });
        if (slash) places.push({ kind: 'character', character: SLASH });
      }
    } else if (character === BRACKET) {
      const set = readSet(pattern, index);
      if (!set.ok) return set;
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
  return open.length === 0 ? success(places) : failure('a { without its }');
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
