import { textOfBytes } from '../core/text/bytes.ts';
import { failure, type Result, success } from '../core/text/result.ts';
import type { Given } from './invocation.ts';

/* The options of a subcommand that has few: read without a parser that would take longer than all the rest of it. */

/** `value`: takes one; `values`: takes one, and may be repeated; `switch`: takes none. */
export type FewOptions = Readonly<Record<string, 'value' | 'values' | 'switch'>>;

/** What was given of each option, by its name without dashes, with what it was written into; nothing else is there. */
export type FewGiven = ReadonlyMap<string, { readonly source: string; readonly values: readonly string[] }>;

/** The values of a subcommand's options: from the words, else from the variables. */
export function readFew(subcommand: string, options: FewOptions, given: Given): Result<FewGiven> {
  const found = new Map<string, { source: string; values: string[] }>();
  const words = [...given.words];
  const see = `see rehup ${subcommand} --help`;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [written = '', inline] = /^(--[a-z-]+)=(.*)$/s.exec(word)?.slice(1) ?? [word];
    const name = written === '-w' ? 'watch' : written.replace(/^--/, '');
    const kind = written.startsWith('-') ? options[name] : undefined;
    if (kind === undefined) return failure(`${textOfBytes(word)}: no such option; ${see}`);
    if (kind === 'switch' && inline !== undefined)
      return failure(`${textOfBytes(word)}: takes no value; ${see}`);
    const value = kind === 'switch' ? 'on' : (inline ?? words.shift());
    if (value === undefined) return failure(`${written}: its value is missing; ${see}`);
    const before = kind === 'values' ? (found.get(name)?.values ?? []) : [];
    found.set(name, { source: `--${name}`, values: [...before, value] });
  }
  for (const [name, kind] of Object.entries(options)) {
    const variable = `REHUP_${name.toUpperCase().replaceAll('-', '_')}`;
    const text = given.environment.get(variable)?.trim() ?? '';
    if (found.has(name) || text === '') continue;
    const lines = text.split('\n').map((line) => line.trim());
    found.set(name, {
      source: variable,
      values: kind === 'values' ? lines.filter((line) => line !== '') : [text],
    });
  }
  return success(found);
}
