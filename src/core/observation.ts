import { textOfBytes } from './bytes.ts';
import type { Content, Snapshot } from './content.ts';
import type { Directories, Reading, ReadingRequest } from './reading.ts';
import type { Observation, State, Watched } from './state.ts';
import { MAX_BYTES, MAX_FILES } from './tree.ts';
import { type EventOf, log, setTimer, type Table, type Turn } from './turn.ts';

/** A kubelet volume whose links and generation differ is waited for no longer than this (specification 4.2), ms. */
const VOLUME_PATIENCE = 1_000;
/** Plain files that never rest are taken as they are after this (specification 1, `--settle`), ms. */
const PLAIN_PATIENCE = 10_000;
/**
 * A generation is read once more after this, ms: not every writer has it complete when `..data` points to it (Kata's
 * agent copies into it file by file), and what is written below it makes no event in the watched directory.
 */
const CONFIRM_DELAY = 1_000;
/** Until the next look when the last one found a writer at work, ms. */
const RELOOK_DELAY = 25;
/** At start, a watch that can't be read is tried for this long before it is bad usage (specification 4.6), ms. */
const START_PATIENCE = 5_000;
const START_RETRY_DELAY = 250;

/** That of a watch that was never read, or never held a file. */
export const NO_CONTENT: Content = { digest: '', files: new Map(), keyed: false, texts: new Map() };

/** The content of all watches as it is known; watches that were never read have none. */
export function snapshotOf(observation: Observation): Snapshot {
  return new Map(observation.watched.map((watched) => [watched.path, watched.content ?? NO_CONTENT]));
}

/** A watch lost what was seen of it before anybody was told: its last state is then what was told. */
export function keepTold(state: State, path: string, content: Content): State {
  const { observation, configuration } = state;
  const watched = observation.watched.map((one) => (one.path === path ? { ...one, content } : one));
  const seen = new Map([...configuration.seen, [path, content]]);
  return {
    ...state,
    observation: { ...observation, watched },
    configuration: { ...configuration, seen },
  };
}

/**
 * Begins a look, or has one follow the present one; returns its number, by which its `content` notice is known.
 *
 * @param trusting takes a generation that was read whole for what it was, though it is not confirmed yet
 */
export function requestLook(
  state: State,
  turn: Turn,
  trusting = false,
): { readonly state: State; readonly look: number } {
  const { observation } = state;
  if (observation.phase === 'looking') {
    return { state: { ...state, observation: { ...observation, again: true } }, look: observation.looks + 1 };
  }
  const look = observation.looks + 1;
  turn.effects.push({
    type: 'look',
    requests: observation.watched.map((watched) => requestFor(watched, trusting)),
  });
  return {
    state: { ...state, observation: { ...observation, phase: 'looking', looks: look, again: false } },
    look,
  };
}

/** A volume that has not moved is told by its link alone, once what was read of it has been confirmed, or is trusted. */
function requestFor({ path, capture, known, confirmed }: Watched, trusting: boolean): ReadingRequest {
  const request = capture ? { path, capture } : { path };
  if (known === undefined) return request;
  return { ...request, known: confirmed || trusting ? known : { digest: known.digest } };
}

function lookNow(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  return requestLook(state, turn).state;
}

function begin(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  if (state.observation.watched.length > 0 && state.settings.poll > 0)
    setTimer(turn, 'poll', state.settings.poll);
  return { ...state, observation: { ...state.observation, since: turn.at } };
}

function poll(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  setTimer(turn, 'poll', state.settings.poll);
  const { directories, deaf } = state.observation;
  if (deaf.size > 0) turn.effects.push({ type: 'watch', directories });
  return requestLook(state, turn).state;
}

/** The end of a look: what it found is kept, and told to the others once it can be trusted. */
function looked(state: State, _part: unknown, event: EventOf<'looked'>, turn: Turn): State {
  const { observation } = state;
  const atWork = event.readings.filter((reading) => reading.status === 'read' && !reading.settled);
  const since = atWork.length > 0 ? (observation.unsettledSince ?? turn.at) : undefined;
  const plain = atWork.some((reading) => reading.status === 'read' && reading.volume === undefined);
  const idle: Observation = { ...observation, phase: 'idle', unsettledSince: since };
  // Nobody waits for a start because of a file that is written all the time.
  const patience = plain && state.child.phase !== 'preparing' ? PLAIN_PATIENCE : VOLUME_PATIENCE;
  const moving = atWork.some((reading) => reading.status === 'read' && reading.moving);
  if (since !== undefined && (moving || turn.at - since < patience)) {
    setTimer(turn, 'relook', RELOOK_DELAY);
    const watched = observation.watched.map((one, index) => withDirectories(one, event.readings[index]));
    return withWatchedDirectories({ ...state, observation: { ...idle, watched } }, turn);
  }
  const merged = observation.watched.map((one, index) => {
    const reading = event.readings[index];
    return reading === undefined ? { watched: one, refusal: undefined } : merge(one, reading, turn);
  });
  const next = withWatchedDirectories(
    { ...state, observation: { ...idle, watched: merged.map((one) => one.watched) } },
    turn,
  );
  const refusal = merged.find((one) => one.refusal !== undefined)?.refusal;
  if (refusal !== undefined) return refuseOrRetry(next, refusal, turn);
  turn.notices.push({ type: 'content', look: observation.looks });
  return observation.again ? requestLook(next, turn).state : next;
}

/** While a writer is at work only the directories of a reading count: events from them tell when it is done. */
function withDirectories(watched: Watched, reading: Reading | undefined): Watched {
  return reading?.status === 'read' ? { ...watched, directories: reading.directories } : watched;
}

type Merged = {
  readonly watched: Watched;
  readonly refusal: { readonly text: string; readonly final: boolean } | undefined;
};

/** Takes a reading into what is known of its watch: vanished is not new, and unreadable is not empty. */
function merge(watched: Watched, reading: Reading, turn: Turn): Merged {
  const path = textOfBytes(watched.path);
  const first = watched.content === undefined;
  switch (reading.status) {
    case 'unchanged':
      return { watched: settle(watched, undefined, turn), refusal: undefined };
    case 'read': {
      const { content, known, volume, directories } = reading;
      const emptied = content.files.size === 0;
      const lost = emptied && (watched.content?.files.size ?? 0) > 0;
      const kept = lost ? watched.content : emptied ? NO_CONTENT : content;
      const trouble = lost ? 'missing' : undefined;
      const same =
        watched.known?.digest === known.digest && watched.volume?.generation === volume?.generation;
      const since = same ? watched.since : turn.at;
      if (!same && volume !== undefined) setTimer(turn, 'confirm', CONFIRM_DELAY);
      const confirmed = same && turn.at - since >= CONFIRM_DELAY;
      const after = {
        ...settle(watched, trouble, turn),
        content: kept,
        known,
        since,
        confirmed,
        volume,
        directories,
      };
      return { watched: after, refusal: undefined };
    }
    case 'missing': {
      const { directories, volume } = reading;
      const after = { ...settle(watched, 'missing', turn), known: undefined, volume, directories };
      if (!first) return { watched: after, refusal: undefined };
      if (reading.expected) return { watched: { ...after, content: NO_CONTENT }, refusal: undefined };
      const text = `--watch ${path}: not there, and neither is its directory; name what is there, or mount it`;
      return { watched: after, refusal: { text, final: true } };
    }
    case 'unreadable': {
      const failed = textOfBytes(reading.path);
      const after = settle(watched, `${reading.errno} at ${failed}`, turn);
      if (!first) return { watched: after, refusal: undefined };
      const ignore =
        reading.path === watched.path
          ? ''
          : `, or leave it out with --ignore '${failed.slice(path.length + 1)}'`;
      const text = `--watch ${path}: ${failed} can't be read (${reading.errno}); make it readable to this user${ignore}`;
      return { watched: after, refusal: { text, final: false } };
    }
    case 'too-large': {
      const limit = reading.tooLarge === 'files' ? `${MAX_FILES} files` : `${MAX_BYTES / 1024 / 1024} MiB`;
      const after = settle(watched, `more than ${limit}`, turn);
      if (!first) return { watched: after, refusal: undefined };
      const text = `--watch ${path}: more than ${limit}; watch less, or leave something out with --ignore`;
      return { watched: after, refusal: { text, final: true } };
    }
    default:
      return reading satisfies never;
  }
}

/** Logs the beginning and the end of a trouble, once each. */
function settle(watched: Watched, trouble: string | undefined, turn: Turn): Watched {
  if (watched.trouble === trouble) return watched;
  const path = textOfBytes(watched.path);
  const fields = { watch: path };
  if (trouble === undefined) log(turn, 'info', 'watch.recovered', `${path} can be read again`, fields);
  else if (trouble === 'missing')
    log(turn, 'warn', 'watch.missing', `${path} is not there, or empty; its last state counts`, fields);
  else
    log(turn, 'error', 'watch.failed', `${path}: ${trouble}; its last state counts`, {
      ...fields,
      reason: trouble,
    });
  return { ...watched, trouble };
}

/** Before the first start there is no last state to keep: what can't be used is bad usage, at once or after a while. */
function refuseOrRetry(
  state: State,
  refusal: { readonly text: string; readonly final: boolean },
  turn: Turn,
): State {
  if (refusal.final || turn.at - state.observation.since >= START_PATIENCE) {
    turn.notices.push({ type: 'unusable', refusal: refusal.text });
  } else setTimer(turn, 'relook', START_RETRY_DELAY);
  return state;
}

/** Asks for events from the directories that were read, when they are not those asked for already. */
function withWatchedDirectories(state: State, turn: Turn): State {
  const directories = new Map(state.observation.watched.flatMap((watched) => [...watched.directories]));
  if (sameDirectories(directories, state.observation.directories)) return state;
  turn.effects.push({ type: 'watch', directories });
  const deaf = new Set([...state.observation.deaf].filter((path) => directories.has(path)));
  return { ...state, observation: { ...state.observation, directories, deaf } };
}

function sameDirectories(one: Directories, other: Directories): boolean {
  return one.size === other.size && [...one].every(([path, identity]) => other.get(path) === identity);
}

/** Events come again from everywhere. What happened before they did is not known, hence the look. */
function watching(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  if (state.observation.deaf.size > 0) log(turn, 'info', 'watch.restored', 'file events work again');
  return requestLook({ ...state, observation: { ...state.observation, deaf: new Set() } }, turn).state;
}

/** The limits behind the errors of inotify_init1(2) and inotify_add_watch(2). */
const LIMITS: Readonly<Record<string, string>> = {
  EMFILE: 'fs.inotify.max_user_instances (or the limit of open files)',
  ENOSPC: 'fs.inotify.max_user_watches',
};

function watchFailed(state: State, _part: unknown, event: EventOf<'watch-failed'>, turn: Turn): State {
  const { observation, settings } = state;
  if (observation.deaf.has(event.path)) return state;
  const path = textOfBytes(event.path);
  const limit = LIMITS[event.errno];
  const remedy = limit === undefined ? '' : `; raise the sysctl ${limit}`;
  const instead =
    settings.poll > 0
      ? `looking every ${settings.poll} ms instead`
      : 'and --poll is 0: changes will be missed';
  // The first one says it all: a limit that is reached is reached for all directories.
  const level = observation.deaf.size === 0 ? 'warn' : 'debug';
  log(turn, level, 'watch.degraded', `no file events from ${path} (${event.errno}), ${instead}${remedy}`, {
    path,
    errno: event.errno,
  });
  return { ...state, observation: { ...observation, deaf: new Set([...observation.deaf, event.path]) } };
}

function hint(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  log(turn, 'trace', 'watch.hint', 'something may have changed');
  // An event tells of the directory, not of what lies in a generation, which is read once more to be confirmed. A
  // kubelet makes two events before each swap: a reading for each would be in the way of the one that counts.
  return requestLook(state, turn, true).state;
}

type ObservationKey =
  | 'begin'
  | 'hint'
  | 'watching'
  | 'watch-failed'
  | 'looked'
  | 'timer:poll'
  | 'timer:relook';

const anywhere = {
  hint,
  watching,
  'watch-failed': watchFailed,
  'timer:poll': poll,
  'timer:relook': lookNow,
  'timer:confirm': lookNow,
} as const;

/** What looking does with each event. */
export const OBSERVATION: Table<Observation, ObservationKey> = {
  idle: { ...anywhere, begin, looked: 'impossible' },
  looking: { ...anywhere, begin: 'impossible', looked },
};
