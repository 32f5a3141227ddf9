import { SIGTERM } from '../process/signals.ts';
import type { Child, Kept, Pod } from '../state/child.ts';
import type { OwnPlace } from '../state/effect.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, type Turn } from '../state/turn.ts';
import { end, prepare, withChild } from '../supervision/child.ts';
import { textOfBytes } from '../text/bytes.ts';

/* A sidecar that ends so that all containers of the pod are restarted, and what its next life makes of that. */

/** The least time between two such ends grows up to this, ms. */
const LONGEST_INTERVAL = 15 * 60_000;

/** After so many such ends that restarted nothing but the sidecar it stays. */
const MOST_ALONE = 2;

/** What restarted nothing is tried again after this at the soonest, ms. */
const SOONEST = 1_000;

/** So many paths are kept. */
const MOST_PATHS = 1_000;

function ownPlace({ settings, identity }: State): OwnPlace {
  return { port: settings.listen?.port, network: identity.ownName };
}

/** Asks for what an earlier life kept; without a place for that there is nothing. */
export function askRecall(state: State, turn: Turn): State {
  const directory = state.settings.pod?.state;
  if (directory === undefined || state.settings.dryRun) return prepare(state, undefined, 'first', turn);
  turn.effects.push({ type: 'recall', directory, own: ownPlace(state) });
  return state;
}

export function recalled(
  state: State,
  _child: Child,
  { kept, since, others }: EventOf<'recalled'>,
  turn: Turn,
): State {
  if (kept === undefined) return prepare(state, undefined, 'first', turn);
  const { paths, code } = kept;
  const ended = turn.at - since;
  const left = new Set(others);
  const evidence = paths.length === 0 ? undefined : kept.others.find((one) => left.has(one));
  const alone = evidence === undefined ? 0 : kept.alone + 1;
  if (paths.length > 0) {
    const message = `the life before this one ended with ${code} ${Math.round(since)} ms ago, so that all containers would be restarted`;
    const shown = paths.slice(0, 20).map(textOfBytes);
    log(turn, 'info', 'sidecar.resumed', message, {
      code,
      ms: Math.round(since),
      paths: shown,
      changed: paths.length,
    });
  }
  const known: State = {
    ...state,
    settings: { ...state.settings, minInterval: intervalOf(state, kept) },
    configuration: { ...state.configuration, lastApply: ended },
    pod: {
      ...state.pod,
      kept: { ...kept, alone },
      ended,
      futile: alone < MOST_ALONE ? undefined : missing(code, alone, evidence),
    },
  };
  // It is owed once: what ends this life in another way must not be taken for the same end.
  const owed = paths.length > 0;
  const noted = owed ? keepNow(known, { ...kept, paths: [], alone }, false, turn) : known;
  return prepare(noted, undefined, 'first', turn);
}

function intervalOf({ settings }: State, { interval }: Kept): number {
  return settings.pod?.growing === true ? interval : settings.minInterval;
}

/** What no restart rule did, as far as it can be told from inside of the pod. */
function missing(code: number, times: number, evidence: string | undefined): string {
  return `${times} times this sidecar ended with ${code}, and it alone was started again (${told(evidence)}): its container has no rule for ${code}, or the API server took none. Give it restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: In, values: [${code}]}}] (Kubernetes 1.36 or later), or use another --on-change`;
}

function told(evidence = ''): string {
  const [kind, name = ''] = evidence.split(' ');
  return kind === 'socket'
    ? `port ${name} is still listened on by the same socket`
    : `process ${name.split(':')[0]} is still there`;
}

/** What the life before this one began, and this one has to answer for. */
export function tellRecalled(state: State, turn: Turn): void {
  const { kept, ended = 0, futile } = state.pod;
  if (kept === undefined || kept.paths.length === 0) return;
  const { paths, code, alone } = kept;
  const wait = ended + state.settings.minInterval - turn.at;
  turn.notices.push({
    type: 'restart-recalled',
    paths,
    actions: [{ kind: 'exit', code }],
    alone:
      alone === 0 ? undefined : (futile ?? `the sidecar ended with ${code}, and it alone was started again`),
    again: alone === 0 || futile !== undefined ? undefined : Math.max(SOONEST, wait),
  });
}

/** Ends with the code that has all containers restarted, once what the next life must know is kept. */
export function endForChange(
  state: State,
  child: Extract<Child, { phase: 'running' }>,
  { afterwards }: EventOf<'stop-child'>,
  turn: Turn,
): State {
  const code = typeof afterwards === 'object' ? afterwards.exit : 0;
  const { progress } = state.configuration;
  const paths = progress.phase === 'acting' ? progress.reload.paths : [];
  log(turn, 'info', 'sidecar.ending', `ends with ${code}, so that all containers of the pod are restarted`, {
    code,
  });
  const { pid, since } = child;
  const stopping: State = withChild(state, {
    phase: 'stopping',
    pid,
    since,
    afterwards,
    sent: SIGTERM,
    toGroup: false,
    killing: false,
  });
  if (state.settings.pod?.state === undefined) return end(stopping, turn, code);
  const kept: Kept = {
    // Where it was only asked for, all watches are what the next life answers for.
    paths: paths.length > 0 ? paths.slice(0, MOST_PATHS) : [...state.configuration.seen.keys()],
    ended: 0,
    code,
    others: [],
    alone: state.pod.kept?.alone ?? 0,
    interval: nextInterval(state, turn),
  };
  return keepNow(stopping, kept, true, turn);
}

/** Doubled while such ends follow each other within twice the last one. */
function nextInterval({ settings, pod }: State, turn: Turn): number {
  const { kept, ended } = pod;
  if (settings.pod?.growing !== true || kept === undefined || ended === undefined)
    return settings.minInterval;
  const close = turn.at - ended <= 2 * kept.interval;
  return close ? Math.min(2 * kept.interval, LONGEST_INTERVAL) : FIRST_INTERVAL;
}

/** The least time between two such ends to begin with, ms. */
export const FIRST_INTERVAL = 60_000;

function keepNow(state: State, kept: Kept, ends: boolean, turn: Turn): State {
  const directory = state.settings.pod?.state;
  if (directory === undefined) return state;
  turn.effects.push({ type: 'keep', directory, kept, ends, own: ownPlace(state) });
  return withPod(state, { keeping: state.pod.keeping + 1 });
}

export function tellKept(before: State, _child: Child, { errno }: EventOf<'kept'>, turn: Turn): State {
  const state = withPod(before, { keeping: before.pod.keeping - 1 });
  if (errno === undefined) return state;
  const name = textOfBytes(state.settings.pod?.state ?? '');
  const message = `--state ${name}: nothing can be kept there (${errno}); the next life will not know what this one did`;
  log(turn, 'warn', 'sidecar.not_kept', message, { errno });
  return state;
}

export function endKept(
  state: State,
  child: Extract<Child, { phase: 'stopping' }>,
  event: EventOf<'kept'>,
  turn: Turn,
): State {
  const { afterwards } = child;
  const told = tellKept(state, child, event, turn);
  if (told.pod.keeping > 0) return told;
  return end(told, turn, typeof afterwards === 'object' ? afterwards.exit : 0);
}

function withPod(state: State, change: Partial<Pod>): State {
  return { ...state, pod: { ...state.pod, ...change } };
}
