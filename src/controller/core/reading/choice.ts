import type { Reference } from './references.ts';

/** Which of all objects of its namespace a workload is rolled for, by its annotations: ours, and Reloader's. */

export type Annotations = Readonly<Record<string, string>>;

/** What a workload says of that. */
export type Choice = {
  /** Kinds of which everything counts that the template refers to. */
  readonly auto: ReadonlySet<string>;
  /** What the template refers to counts if the object itself is marked. */
  readonly search: boolean;
  /** Names that count, referred to or not: `configmap/app`. */
  readonly names: readonly string[];
  /** Patterns of such names. */
  readonly patterns: readonly RegExp[];
  /** Names that don't count for `auto`. */
  readonly excluded: ReadonlySet<string>;
};

const OURS = 'rehup.dev/reload';
const THEIRS = 'reloader.stakater.com';

/** On a ConfigMap or Secret: it rolls nothing; it counts for those that search. */
export const IGNORE = `${THEIRS}/ignore`;
export const MATCH = `${THEIRS}/match`;

/** Words by which a workload says that it wants none of this. */
const NO = ['off', 'false', 'none'];

const BOTH = ['configmap', 'secret'] as const;

/**
 * The choice of a workload; undefined if it opts out, or has none of the annotations and not everything is rolled.
 *
 * @param own of the workload
 * @param template of its pod template, where Reloader looks as well
 */
export function choiceOf(own: Annotations, template: Annotations, reloadAll: boolean): Choice | undefined {
  const given = own[OURS]?.trim();
  if (given !== undefined) {
    if (NO.includes(given)) return undefined;
    return given === 'auto' ? everything() : listed(given);
  }
  const theirs = { ...theirsOf(template), ...theirsOf(own) };
  const value = (name: string) => theirs[name]?.trim();
  if (value(`${THEIRS}/auto`) === 'false') return undefined;
  const isAll = value(`${THEIRS}/auto`) === 'true';
  const auto = new Set(BOTH.filter((kind) => isAll || value(`${kind}.${THEIRS}/auto`) === 'true'));
  const lists = BOTH.flatMap((kind) => words(value(`${kind}.${THEIRS}/reload`)).map((word) => [kind, word]));
  const isSearching = auto.size === 0 && value(`${THEIRS}/search`) === 'true';
  if (auto.size === 0 && lists.length === 0 && !isSearching) return reloadAll ? everything() : undefined;
  const excluded = BOTH.flatMap((kind) =>
    words(value(`${kind}s.exclude.${THEIRS}/reload`)).map((word) => `${kind}/${word}`),
  );
  const isPlain = (word = '') => /^[a-z0-9.-]+$/.test(word);
  return {
    auto,
    search: isSearching,
    // A dot is a character of names, and one of expressions that matches itself.
    names: lists.filter(([, word]) => isPlain(word)).map(([kind, word]) => `${kind}/${word}`),
    patterns: lists.flatMap(([kind, word = '']) => (isPlain(word) ? [] : expression(`${kind}/${word}`))),
    excluded: new Set(excluded),
  };
}

function theirsOf(annotations: Annotations): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => name.includes(THEIRS)));
}

function everything(): Choice {
  return { auto: new Set(BOTH), search: false, names: [], patterns: [], excluded: new Set() };
}

/** `configmap/app, secret/tls*`. */
function listed(text: string): Choice {
  const all = words(text);
  const quoted = (word: string) =>
    word
      .replaceAll(/[^*?a-z0-9-]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
  return {
    auto: new Set(),
    search: false,
    names: all.filter((word) => !/[*?]/.test(word)),
    patterns: all.filter((word) => /[*?]/.test(word)).flatMap((word) => expression(quoted(word))),
    excluded: new Set(),
  };
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** One that is none matches nothing. */
function expression(source: string): readonly RegExp[] {
  try {
    return [new RegExp(`^(?:${source})$`)];
  } catch {
    return [];
  }
}

/** Whether an object counts that the template refers to, or that is only there. */
export function counts(
  choice: Choice,
  { name, isReferred, marks }: { readonly name: string; readonly isReferred: boolean; readonly marks: Marks },
): boolean {
  if (marks.ignored) return false;
  if (choice.names.includes(name) || choice.patterns.some((pattern) => pattern.test(name))) return true;
  if (!isReferred || choice.excluded.has(name)) return false;
  return choice.auto.has(name.split('/')[0] ?? '') || (choice.search && marks.matched);
}

/** What an object says of itself. */
export type Marks = { readonly ignored: boolean; readonly matched: boolean };

export const UNMARKED: Marks = { ignored: false, matched: false };

/** What can count at all, whatever the marks of objects are. */
export function candidatesOf(choice: Choice, references: readonly Reference[]): readonly Reference[] {
  const referred = references.filter(({ name }) =>
    counts(choice, { name, isReferred: true, marks: { ignored: false, matched: true } }),
  );
  const known = new Set(references.map(({ name }) => name));
  const others = choice.names.filter((name) => !known.has(name)).map((name) => ({ name, optional: true }));
  return [...referred, ...others].sort((one, other) => (one.name < other.name ? -1 : 1));
}
