import type { Snapshot } from '../files/snapshot.ts';
import { type Action, actionName } from '../state/action.ts';
import type { Watched } from '../state/observed.ts';
import type { Slot, Wish } from '../state/passage.ts';
import type { HeldReason } from '../state/progress.ts';
import type { HostFacts, State } from '../state/state.ts';
import { textOfBytes } from '../text/bytes.ts';
import { relativePath } from '../text/path.ts';

/** When and on what somebody asks. */
export type Asked = { readonly at: number; readonly host: HostFacts };

/** A time on the core's clock as one of the day, ms since the epoch. */
export function wallOf(at: number, { at: now, host }: Asked): number {
  return Math.round(host.wall - (now - at));
}

export type WatchFacts = {
  readonly path: string;
  readonly origin: string;
  readonly action: string | undefined;
  readonly kind: 'kubelet volume' | 'directory' | 'file' | 'subPath' | 'not there';
  /** The type of the file system, as /proc/self/mountinfo has it. */
  readonly system: string | undefined;
  readonly mode: 'events' | 'poll';
  readonly generation: string | undefined;
  /** Whether digests of it mean nothing outside of this process. */
  readonly keyed: boolean;
  readonly seen: string | undefined;
  readonly applied: string | undefined;
  readonly pending: boolean;
  readonly stale: boolean;
  readonly missing: boolean;
  readonly frozen: boolean;
  readonly error: string | undefined;
  readonly errors: number;
  readonly files: number;
};

/** Each watch, in the order of the command line, as all that tells of them has them. */
export function watchFacts(state: State): readonly WatchFacts[] {
  const { settings, configuration, observation } = state;
  // There may be thousands of them. Of two at one path the first speaks.
  const actions = new Map(settings.watches.toReversed().map(({ path, action }) => [path, action]));
  const staleOnes = new Set(configuration.stale);
  return observation.watched.map((watched) =>
    factsOf(state, watched, actions.get(watched.path), staleOnes.has(watched.path)),
  );
}

function factsOf(state: State, watched: Watched, action: Action | undefined, isStale: boolean): WatchFacts {
  const { configuration, observation, record } = state;
  const { path, content, volume, trouble } = watched;
  const pending = isPending(state, path);
  const stale = isStale && !pending;
  const isUnwatched = [...watched.places.keys()].some((place) => observation.unwatched.has(place));
  const isApart = watched.apart !== 'no' && watched.apart !== 'back';
  return {
    path: textOfBytes(path),
    origin: watched.origin,
    action: action === undefined ? undefined : textOfBytes(actionName(action)),
    kind: kindOf(watched),
    system: watched.system === undefined ? undefined : textOfBytes(watched.system),
    mode: isUnwatched || isApart ? 'poll' : 'events',
    generation: volume === undefined ? undefined : textOfBytes(volume.generation),
    keyed: content?.keyed ?? false,
    seen: digestIn(configuration.seen, path),
    applied: digestIn(configuration.applied, path),
    pending,
    stale,
    missing: trouble === 'missing',
    frozen: watched.frozen.size > 0,
    error: trouble === 'missing' ? undefined : trouble,
    errors: record.watchErrors.get(path) ?? 0,
    files: content?.files.size ?? 0,
  };
}

function kindOf({ path, volume, content, frozen }: Watched): WatchFacts['kind'] {
  const isPart = [...frozen].some(
    ([point, why]) => why === 'subpath' && relativePath(point, path) !== undefined,
  );
  if (isPart) return 'subPath';
  if (volume !== undefined) return 'kubelet volume';
  if (content === undefined || content.files.size === 0) return 'not there';
  return content.files.has('') ? 'file' : 'directory';
}

/** Shortened to 12 digits (specification 6). */
function digestIn(snapshot: Snapshot | undefined, path: string): string | undefined {
  const digest = snapshot?.get(path)?.digest;
  return digest === undefined || digest === '' ? undefined : digest.slice(0, 12);
}

/** Content that was seen is not applied, and something is under way for it (specification 4.4). */
function isPending({ configuration }: State, path: string): boolean {
  const { seen, applied, verifying, progress } = configuration;
  const differs = seen.get(path)?.digest !== applied?.get(path)?.digest;
  return differs && (verifying !== undefined || !['baseline', 'resting'].includes(progress.phase));
}

/** What is known of the slot of the fleet that is waited for, if one is. */
export function wishOf(slot: Slot): Wish | undefined {
  return slot.phase === 'pausing' || (slot.phase === 'asking' && slot.wanted) ? slot.wish : undefined;
}

/** What is waited for at the moment, since when the change waits, and how long still, on the core's clock. */
export type Waiting = {
  readonly reason: HeldReason;
  readonly since: number;
  /** At most, on the core's clock. */
  readonly until: number | undefined;
};

export function waitingFor({ configuration, slot }: State): Waiting | undefined {
  const { progress, changedAt, heldUntil: until } = configuration;
  const wish = wishOf(slot);
  if (wish !== undefined) return { reason: 'fleet-lock', since: wish.since, until: undefined };
  if (progress.phase === 'acting' && progress.draining === true)
    return { reason: 'drain', since: progress.reload.begun, until };
  if (changedAt === undefined) return undefined;
  switch (progress.phase) {
    case 'settling':
      return { reason: 'settle', since: changedAt, until };
    case 'splaying':
      return { reason: 'splay', since: changedAt, until };
    case 'holding':
      return progress.reason === undefined ? undefined : { reason: progress.reason, since: changedAt, until };
    default:
      return undefined;
  }
}
