import { close, effectiveUser, enterPath } from '../files/below/handles.ts';
import { readPrivate, writePrivate } from '../files/below/private.ts';
import { type Content, digestStrings, NO_CONTENT } from '../files/content.ts';
import { type FileSteps, isFailure } from '../files/files.ts';
import { readWatches } from '../files/reading.ts';
import { unkeyed } from '../files/readings/unkeyed.ts';
import type { Drive } from '../jobs/conversation.ts';
import type { Found, Kept } from '../state/child.ts';
import type { Effect } from '../state/effect.ts';
import type { PathPredicate } from '../text/glob.ts';

/* What a sidecar keeps over its end in the directory of `--state`: a file of its own, mode 0600, as JSON of byte strings. */

const NAME = 'rehup-sidecar.json';

type Keep = Extract<Effect, { type: 'keep' }>;

/** The first field, which tells other versions that they don't know it. */
const VERSION = 3;

/**
 * By the path of the watch, the digest of what it holds, with a key of the file's own, and the generation of its volume; ''
 * where that is not known for sure.
 */
type Digests = Readonly<Record<string, string>>;

/** What is known of content, beside what the core keeps. */
type Known = {
  readonly key: string;
  readonly told?: Digests | undefined;
  /** What was there when a probe was answered that the application is not well, if that was not started since. */
  readonly answered?: Digests | undefined;
};

type Recalled = { readonly kept: Kept | undefined; readonly found: readonly Found[] };

export type Keeping = {
  recall(directory: string, told: (recalled: Recalled) => void): void;
  /** @param told gets the errno, where it can't be done */
  keep(effect: Keep, now: Partial<Kept>, told: (errno: string | undefined) => void): void;
};

/** @param drive leads to its end what is done one after the other */
export function createKeeping(drive: Drive, ignore: PathPredicate): Keeping {
  let known: Known = { key: '' };
  const waiting: (() => void)[] = [];

  /** Begins when what was begun before is over. */
  function inTurn<Value>(steps: () => FileSteps<Value>, told: (value: Value) => void): void {
    waiting.push(() =>
      drive(steps(), (value) => {
        // What is asked for meanwhile is next, and is not begun twice.
        told(value);
        waiting.shift();
        waiting[0]?.();
      }),
    );
    if (waiting.length === 1) waiting[0]?.();
  }

  function* recall(path: string): FileSteps<Recalled> {
    const user = yield* effectiveUser();
    const directory = yield* enterPath(path);
    if (isFailure(directory)) return { kept: undefined, found: [] };
    const text = yield* readPrivate(directory, NAME, isFailure(user) ? 0 : user);
    yield* close(directory);
    const read = text === undefined ? undefined : parsed(text);
    if (read === undefined) return { kept: undefined, found: [] };
    known = read.known;
    const { key, told, answered } = known;
    const found: Found[] = [];
    for (const watch of Object.keys(told ?? answered ?? {})) {
      const now = yield* fingerprint(watch, key, ignore);
      const isStill = (digests: Digests | undefined) =>
        now !== undefined && digests?.[watch] === `${now.kept} ${now.generation}`;
      const isTold = now !== undefined && told?.[watch]?.split(' ')[0] === now.kept;
      found.push({
        path: watch,
        digest: now?.digest,
        told: isTold,
        still: isStill(told),
        answered: isStill(answered),
      });
    }
    return { kept: read.kept, found };
  }

  function* keep(
    { directory: path, kept, content, as }: Keep,
    now: Partial<Kept>,
  ): FileSteps<string | undefined> {
    if (known.key === '') known = { key: yield* digestStrings(['rehup sidecar'], true) };
    if (as !== 'end' && as !== 'note') {
      const digests: Record<string, string> = {};
      for (const [watch, { digest }] of content) {
        const isKnown = as === 'told' || as === 'answered';
        const found = isKnown ? yield* fingerprint(watch, known.key, ignore) : undefined;
        digests[watch] = found?.digest === digest ? `${found.kept} ${found.generation}` : '';
      }
      if (as === 'answered') known = { ...known, answered: digests };
      else if (as === 'doubt') known = { ...known, told: digests };
      else known = { key: known.key, told: digests, answered: isYetToStart(kept, as) ? digests : undefined };
    }
    const directory = yield* enterPath(path);
    if (isFailure(directory)) return directory.errno;
    const text = JSON.stringify({ version: VERSION, kept: { ...kept, ...now }, known });
    const failure = yield* writePrivate(directory, NAME, text);
    yield* close(directory);
    return failure?.errno;
  }

  return {
    recall: (directory, told) => inTurn(() => recall(directory), told),
    keep: (effect, now, told) => inTurn(() => keep(effect, now), told),
  };
}

/** Whether somebody who was not waited for is about to start on what is told. */
export function isYetToStart({ overdue, answered }: Kept, as: Keep['as']): boolean {
  return as === 'told' && overdue.some((name) => answered.includes(name));
}

/** What a watch holds now, as this process digests it and as what is kept of it; undefined where it changes, or can't be read. */
function* fingerprint(
  path: string,
  key: string,
  ignore: PathPredicate,
): FileSteps<{ readonly digest: string; readonly kept: string; readonly generation: string } | undefined> {
  const own = yield* contentAt(path, ignore);
  // Digests of what lies in memory have a key that this process alone has.
  const keyed = own?.content.keyed === true;
  const plain = keyed ? yield* unkeyed(contentAt(path, ignore)) : own;
  const again = keyed ? yield* contentAt(path, ignore) : own;
  if (own === undefined || plain === undefined || again?.content.digest !== own.content.digest)
    return undefined;
  const kept = yield* digestStrings([key, plain.content.digest], false);
  return { digest: own.content.digest, kept, generation: own.generation };
}

type Here = { readonly content: Content; readonly generation: string };

function* contentAt(path: string, ignore: PathPredicate): FileSteps<Here | undefined> {
  const [reading] = yield* readWatches([{ path }], ignore);
  if (reading?.status === 'missing' && reading.expected) return { content: NO_CONTENT, generation: '' };
  if (reading?.status !== 'read' || reading.moving) return undefined;
  return { content: reading.content, generation: reading.volume?.generation ?? '' };
}

function parsed(text: string): { readonly kept: Kept; readonly known: Known } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const mine = typeof value === 'object' && value !== null && 'version' in value;
    return mine && value.version === VERSION
      ? (value as unknown as { readonly kept: Kept; readonly known: Known })
      : undefined;
  } catch {
    return undefined;
  }
}
