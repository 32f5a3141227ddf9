import { isProcess, type Proc, type ProcessEntry, processEntry } from './proc.ts';

/* Which processes come of a child: what is left of its group, and what left the group. */

/** A process that a stop is about. */
export type Relative = {
  readonly pid: number;
  /** A byte string; empty where /proc does not tell. */
  readonly name: string;
  /** See {@link ProcessEntry}. */
  readonly started: string;
};

/** A relative that left the group of the child; `origin` is the child of rehup's own that it descends from, or itself. */
export type Leftover = Relative & { readonly origin: string };

export type Family = {
  /** The living members of the child's process group. */
  readonly members: readonly Relative[];
  /** The living descendants of rehup outside of that group, but for its jobs, and for what is known to be no child's. */
  readonly leftovers: readonly Leftover[];
  /** The keys of what is known to be no descendant of the child: what entered from outside, and all that it started. */
  readonly strangers: readonly string[];
};

export const NO_FAMILY: Family = { members: [], leftovers: [], strangers: [] };

/** What names a process once and for all: its number may be another's later. */
export function keyOf({ pid, started }: { readonly pid: number; readonly started: string }): string {
  return `${pid}:${started}`;
}

/** All processes that can be seen; undefined where /proc is none, or is that of another PID namespace. */
export function processTable(proc: Proc, self: number): readonly ProcessEntry[] | undefined {
  const names = proc.names('/proc');
  const own = proc.read('/proc/self/stat');
  if (names === undefined || own === undefined || Number.parseInt(own, 10) !== self) return undefined;
  const entries: ProcessEntry[] = [];
  for (const name of names) {
    const entry = isProcess(name) ? processEntry(proc, Number(name)) : undefined;
    if (entry?.alive === true) entries.push(entry);
  }
  return entries;
}

/**
 * Sorts all processes by what they are to the child whose group this is.
 *
 * Who left the group is told by descent from a child of rehup's own: orphans come to it, those of the child and, as PID 1,
 * those of what entered from outside (`kubectl exec`), whose parent is 0. The latter are told by their session, which is
 * that of a process with such a parent or of none inside. Members of rehup's own group were there before it (an entrypoint
 * that started them and then executed rehup).
 *
 * @param jobs the process ids of what rehup runs beside the child
 */
export function familyOf(
  table: readonly ProcessEntry[],
  self: number,
  group: number,
  jobs: readonly number[],
): Family {
  const byPid = new Map(table.map((entry) => [entry.pid, entry]));
  const own = byPid.get(self);
  const origins = new Map<number, ProcessEntry | undefined>();

  /** The child of rehup's own, or of nobody inside, that a process descends from; undefined for rehup itself. */
  function originOf(entry: ProcessEntry): ProcessEntry | undefined {
    const way: ProcessEntry[] = [];
    let at: ProcessEntry | undefined = entry;
    while (at !== undefined && at.pid !== self && !origins.has(at.pid) && way.length <= table.length) {
      way.push(at);
      if (at.parent === self || !byPid.has(at.parent)) break;
      at = byPid.get(at.parent);
    }
    const found = at === undefined || at.pid === self ? undefined : (origins.get(at.pid) ?? at);
    for (const one of way) origins.set(one.pid, found);
    return found;
  }

  // The orphans of others come to PID 1 alone.
  const entered = self !== 1 ? [] : table.filter((entry) => isEntered(originOf(entry)));
  const sessions = new Set(entered.map(({ session }) => session));

  function isEntered(origin: ProcessEntry | undefined): boolean {
    return origin !== undefined && origin.parent !== self;
  }

  function isStrange(origin: ProcessEntry): boolean {
    const { session } = origin;
    const outside = session !== own?.session && (session === 0 || sessions.has(session));
    return isEntered(origin) || origin.group === own?.group || (self === 1 && outside);
  }

  const members: Relative[] = [];
  const leftovers: Leftover[] = [];
  const strangers: string[] = [];
  for (const entry of table) {
    const origin = originOf(entry);
    const { pid, name, started } = entry;
    if (entry.group === group) members.push({ pid, name, started });
    else if (origin === undefined || jobs.includes(origin.pid)) continue;
    else if (isStrange(origin)) strangers.push(keyOf(entry));
    else leftovers.push({ pid, name, started, origin: keyOf(origin) });
  }
  return { members, leftovers, strangers: self === 1 ? strangers : [] };
}
