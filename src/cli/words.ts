import type { OptionSpec } from './option.ts';

/** What words say: the values of the options that were given, by their names, and the words of COMMAND. */
export type Words = {
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly command: readonly string[];
};

type Flag = { readonly name: string; readonly takesValue: boolean; readonly repeatable: boolean };

/** The options by what they are called on the command line. */
export type Flags = ReadonlyMap<string, Flag>;

export function flagsOf(options: readonly OptionSpec[]): Flags {
  return new Map(
    options.flatMap(({ flags, name, repeatable }) => {
      const flag = { name, takesValue: flags.endsWith('>'), repeatable };
      return flags
        .split(/[ ,]+/)
        .filter((word) => word.startsWith('-'))
        .map((word) => [word, flag] as const);
    }),
  );
}

/**
 * Takes plain words apart as commander does, which goes through all options several times for that: more than all else that a
 * start has to do. What is not plain is commander's: help, mistakes, `-wPATH`.
 */
export function plainWords(flags: Flags, words: readonly string[]): Words | undefined {
  const values = new Map<string, readonly string[]>();
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!word.startsWith('-') || word === '-') break;
    if (word === '--') {
      at += 1;
      break;
    }
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const flag = flags.get(equals < 0 ? word : word.slice(0, equals));
    if (flag === undefined) return undefined;
    const { name, takesValue, repeatable } = flag;
    if (!takesValue && equals >= 0) return undefined;
    if (takesValue && equals < 0) at += 1;
    const value = takesValue ? (equals < 0 ? words[at] : word.slice(equals + 1)) : 'true';
    if (value === undefined) return undefined;
    values.set(name, repeatable ? [...(values.get(name) ?? []), value] : [value]);
  }
  return { values, command: words.slice(at) };
}
