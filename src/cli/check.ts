import type { CheckWord } from '../core/state/settings.ts';
import { textOfBytes } from '../core/text/bytes.ts';
import { failure, type Result, success } from '../core/text/result.ts';
import { splitWords } from '../core/text/words.ts';
import { parseDirectory } from './watched.ts';

/** `{dir}` or `{dir:SOURCE}`; without its `}` it has no third group. */
const PLACEHOLDER = /\{dir(?:\}|:([^}]*)(\})?)/g;

/**
 * The COMMAND of `--check`, with `{dir}` and `{dir:SOURCE}` anywhere in its words, and several times.
 * `sources`: the distinct absolute paths of the watches, those of stages among them.
 */
export function parseCheck(
  text: string,
  sources: readonly string[],
  cwd: string | undefined,
): Result<readonly CheckWord[]> {
  const words = splitWords(text);
  if (!words.ok) return words;
  const parsed: CheckWord[] = [];
  for (const word of words.value) {
    const result = parseWord(word, sources, cwd);
    if (!result.ok) return result;
    parsed.push(result.value);
  }
  return success(parsed);
}

function parseWord(word: string, sources: readonly string[], cwd: string | undefined): Result<CheckWord> {
  const parts: (string | { readonly source: string })[] = [];
  let end = 0;
  for (const match of word.matchAll(PLACEHOLDER)) {
    const [placeholder, name, closed] = match;
    if (name !== undefined && closed === undefined) return failure('a {dir: without its }; close it');
    const source = name === undefined ? onlySource(sources) : namedSource(name, sources, cwd);
    if (!source.ok) return source;
    if (match.index > end) parts.push(word.slice(end, match.index));
    parts.push({ source: source.value });
    end = match.index + placeholder.length;
  }
  if (end < word.length || parts.length === 0) parts.push(word.slice(end));
  return success(parts);
}

function onlySource(sources: readonly string[]): Result<string> {
  const [source, ...others] = sources;
  if (source === undefined) return failure(`{dir} means no watch; ${NONE}`);
  if (others.length === 0) return success(source);
  return failure(`{dir} could mean any of several watches; use ${choices(sources)}`);
}

function namedSource(name: string, sources: readonly string[], cwd: string | undefined): Result<string> {
  const source = parseDirectory(name, cwd);
  if (!source.ok) return failure(`{dir:${textOfBytes(name)}} is ${source.error}`);
  if (sources.includes(source.value)) return source;
  const wrong = `{dir:${textOfBytes(name)}} is no watch and no stage`;
  return failure(`${wrong}; ${sources.length === 0 ? NONE : `use ${choices(sources)}`}`);
}

const NONE = 'give a --watch or a --stage';

function choices(sources: readonly string[]): string {
  return sources.map((source) => `{dir:${textOfBytes(source)}}`).join(' or ');
}
