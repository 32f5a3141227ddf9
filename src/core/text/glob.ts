import { failure, type Result, success } from './result.ts';

/** Says whether a path, relative to its watch and without a leading slash, is one that the pattern names. */
export type PathPredicate = (path: string) => boolean;

/** One character of UTF-8 in a byte string that is no slash; a stray byte counts as one. */
const ONE = '(?:[\\xc0-\\xff][\\x80-\\xbf]*|[^/\\x80-\\xff]|[\\x80-\\xbf])';

/**
 * Compiles one `--ignore` pattern with the wildcards of gitignore(5): `*` and `?` stay within a name, `**` crosses
 * directories, `[a-z]` and `[!a-z]` are sets, `{a,b}` are alternatives, `\` quotes the next character. A pattern
 * without a slash names a file or directory at any depth, one with a slash is relative to the watch. What lies below
 * a directory that is named is named too.
 */
export function compileGlob(pattern: string): Result<PathPredicate> {
  const anchored = pattern.replace(/^\//, '').replace(/\/$/, '');
  if (anchored === '') return failure('an empty pattern');
  const translated = translate(anchored);
  if (!translated.ok) return translated;
  const prefix = pattern.replace(/\/$/, '').includes('/') ? '' : '(?:.*/)?';
  const expression = new RegExp(`^${prefix}${translated.value}(?:/.*)?$`, 's');
  return success((path) => expression.test(path));
}

function translate(pattern: string): Result<string> {
  let expression = '';
  let depth = 0;
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern.charAt(index);
    if (character === '\\' && index + 1 < pattern.length) expression += quote(pattern.charAt(++index));
    else if (character === '?') expression += ONE;
    else if (character === '*') {
      const run = /^\*+\/?/.exec(pattern.slice(index))?.[0] ?? '*';
      const crosses = run.startsWith('**') && (index === 0 || pattern.charAt(index - 1) === '/');
      if (crosses && (run.endsWith('/') || index + run.length === pattern.length)) {
        expression += run.endsWith('/') ? '(?:.*/)?' : '.*';
        index += run.length - 1;
      } else expression += `${ONE}*`;
    } else if (character === '[') {
      const set = /^\[([!^]?)(\]?[^\]]*)\]/.exec(pattern.slice(index));
      if (set === null) return failure('a [ without its ]');
      const body = translateSet(set[2] ?? '');
      if (body === undefined) return failure(`a range out of order in ${set[0]}`);
      expression += set[1] === '' ? `[${body}]` : `[^/${body}]`;
      index += set[0].length - 1;
    } else if (character === '{') {
      expression += '(?:';
      depth++;
    } else if (character === '}' && depth > 0) {
      expression += ')';
      depth--;
    } else if (character === ',' && depth > 0) expression += '|';
    else expression += quote(character);
  }
  return depth === 0 ? success(expression) : failure('a { without its }');
}

/** The inside of a set as that of a character class; undefined if a range in it is out of order. */
function translateSet(body: string): string | undefined {
  let expression = '';
  for (let index = 0; index < body.length; index++) {
    const from = body.charCodeAt(index);
    const isRange = body.charAt(index + 1) === '-' && index + 2 < body.length;
    const to = isRange ? body.charCodeAt(index + 2) : from;
    if (to < from) return undefined;
    expression += `${escaped(from)}-${escaped(to)}`;
    if (isRange) index += 2;
  }
  return expression;
}

function escaped(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}

function quote(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}
