import { failure, type Result, success } from './result.ts';

/** What a backslash quotes between double quotes; before anything else it is itself (POSIX.1-2024, XCU 2.2.3). */
const QUOTED_IN_DOUBLE = '$`"\\';

/**
 * The words of a COMMAND inside an option, as a POSIX shell splits them (XCU 2.2): blanks part words, `'…'`, `"…"` and
 * `\` quote, and a `\` before a line end joins the lines. Nothing is expanded, and there are no operators and no
 * comments, since no shell runs it: `$`, `*`, `|`, `;`, `#` are characters like others. Byte strings. Fails at an
 * unclosed quote, a `\` that quotes nothing, and where there is no word or an empty first one.
 */
export function splitWords(text: string): Result<readonly string[]> {
  const words: string[] = [];
  let word: string | undefined;
  let index = 0;
  while (index < text.length) {
    const character = text.charAt(index++);
    if (character === ' ' || character === '\t' || character === '\n') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'") {
      const end = text.indexOf("'", index);
      if (end < 0) return failure("a ' without its second '; close it, or quote it as \"'\"");
      word = (word ?? '') + text.slice(index, end);
      index = end + 1;
    } else if (character === '"') {
      const part = doubleQuoted(text, index);
      if (part === undefined) return failure('a " without its second "; close it, or quote it as \'"\'');
      word = (word ?? '') + part.text;
      index = part.end;
    } else if (character !== '\\') word = (word ?? '') + character;
    else if (index === text.length) return failure("a \\ at the end quotes nothing; write '\\' to mean it");
    else {
      const quoted = text.charAt(index++);
      if (quoted !== '\n') word = (word ?? '') + quoted;
    }
  }
  if (word !== undefined) words.push(word);
  if (words.length === 0) return failure('no command; name a program and its arguments');
  if (words[0] === '') return failure("the program's name is empty; name a program and its arguments");
  return success(words);
}

/** What stands from `start` on before the closing `"`, and where to go on; undefined if nothing closes it. */
function doubleQuoted(
  text: string,
  start: number,
): { readonly text: string; readonly end: number } | undefined {
  let part = '';
  for (let index = start; index < text.length; index++) {
    const character = text.charAt(index);
    const next = text.charAt(index + 1);
    if (character === '"') return { text: part, end: index + 1 };
    if (character !== '\\' || next === '') part += character;
    else if (next === '\n') index++;
    else if (QUOTED_IN_DOUBLE.includes(next)) part += text.charAt(++index);
    else part += character;
  }
  return undefined;
}
