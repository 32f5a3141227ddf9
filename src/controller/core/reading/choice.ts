import type { Reference } from './references.ts';

/** Which of all objects of its namespace a workload is rolled for, by its annotations: ours, and Reloader's. */

export type Annotations = Readonly<Record<string, string>>;

/** What a workload says of that. */
export type Choice = {
  /** Kinds of which everything counts that the template refers to. */
  readonly auto: ReadonlySet<string>;
  /** Kinds of which that counts that the template refers to and that is marked itself. */
  readonly search: ReadonlySet<string>;
  /** Names that count, referred to or not: `configmap/app`. */
  readonly names: readonly string[];
  /** Patterns of such names. */
  readonly patterns: readonly RegExp[];
  /** Names that don't count, whatever else says so. */
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

/** What Go takes for true (strconv.ParseBool). */
const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];

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
  return theirChoice(own, template, reloadAll);
}

/** As Reloader 1.4 does it (its ShouldReload), for each kind by itself. */
function theirChoice(own: Annotations, template: Annotations, reloadAll: boolean): Choice | undefined {
  const lists: (readonly [kind: string, word: string])[] = [];
  const [auto, search, excluded] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const kind of BOTH) {
    const names = {
      list: `${kind}.${THEIRS}/reload`,
      auto: `${THEIRS}/auto`,
      typed: `${kind}.${THEIRS}/auto`,
      search: `${THEIRS}/search`,
    };
    // The template is asked where the workload itself says nothing of this kind.
    const from = Object.values(names).some((name) => own[name] !== undefined) ? own : template;
    const said = [from[names.auto], from[names.typed]].map((value = '') => value.trim());
    const isAll = reloadAll && said.every((value) => value === '');
    if (isAll || said.some((value) => TRUE.includes(value))) auto.add(kind);
    else if (from[names.search]?.trim() === 'true') search.add(kind);
    for (const word of words(from[names.list])) lists.push([kind, word]);
    for (const word of words(own[`${kind}s.exclude.${THEIRS}/reload`])) excluded.add(`${kind}/${word}`);
  }
  if (auto.size === 0 && search.size === 0 && lists.length === 0) return undefined;
  const isPlain = (word: string) => /^[a-z0-9.-]+$/.test(word);
  return {
    ...{ auto, search, excluded },
    // A dot is a character of names, and one of expressions that matches itself.
    names: lists.filter(([, word]) => isPlain(word)).map(([kind, word]) => `${kind}/${word}`),
    patterns: lists.flatMap(([kind, word]) => (isPlain(word) ? [] : expression(`${kind}/${word}`))),
  };
}

function everything(): Choice {
  return { auto: new Set(BOTH), search: new Set(), names: [], patterns: [], excluded: new Set() };
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
    search: new Set(),
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
  if (marks.ignored || choice.excluded.has(name)) return false;
  if (choice.names.includes(name) || choice.patterns.some((pattern) => pattern.test(name))) return true;
  if (!isReferred) return false;
  const [kind = ''] = name.split('/');
  return choice.auto.has(kind) || (choice.search.has(kind) && marks.matched);
}

/** Whether it is for the object itself to say that it counts, so that one that is not there does not. */
export function isForObject({ search }: Choice, name: string): boolean {
  return search.has(name.split('/')[0] ?? '');
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
