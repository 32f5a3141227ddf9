import type { Child, Kept, Main } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, type Turn } from '../state/turn.ts';
import { end, prepare, withChild } from '../supervision/child.ts';
import { textOfBytes } from '../text/bytes.ts';
import { PROCESS } from './others.ts';
import { awaitingRestart, keepNow, NEW_MAIN, OF_EARLIER, ownPlace, tellKept, withPod } from './pod.ts';

/* A sidecar that ends so that all containers of the pod are restarted, and what its next life makes of that. */

/** The least time between two such ends grows up to this, ms. */
const LONGEST_INTERVAL = 15 * 60_000;

/** After so many such ends that restarted nothing but the sidecar it stays. */
const MOST_ALONE = 2;

/** What restarted nothing is tried again after this at the soonest, ms. */
const SOONEST = 1_000;

/** So many paths are named. */
const PATHS_SHOWN = 20;

/** So many paths are kept. */
const MOST_PATHS = 1_000;

/** Asks for what an earlier life kept, and what there is of others. */
export function askRecall(state: State, turn: Turn): State {
  const { pod, dryRun } = state.settings;
  if (dryRun) return prepare(state, undefined, 'first', turn);
  turn.effects.push({ type: 'recall', directory: pod?.state, own: ownPlace(state) });
  return state;
}

export function recalled(state: State, _child: Child, event: EventOf<'recalled'>, turn: Turn): State {
  const { kept, since, others, found } = event;
  const shared = others.some((one) => one.startsWith(PROCESS));
  if (kept === undefined) return prepare(withPod(state, { shared }), undefined, 'first', turn);
  const { paths, code, hooks } = kept;
  const ended = turn.at - since;
  const left = new Set(others);
  const owed = paths.length > 0;
  const evidence = owed ? kept.others.find((one) => left.has(one)) : undefined;
  const alone = !owed ? kept.alone : evidence === undefined ? 0 : kept.alone + 1;
  if (owed) {
    const message = `the life before this one ended with ${code} ${Math.round(since)} ms ago, so that all containers would be restarted`;
    const shown = paths.slice(0, PATHS_SHOWN).map(textOfBytes);
    const fields = { code, ms: Math.round(since), paths: shown, changed: paths.length };
    log(turn, 'info', 'sidecar.resumed', message, fields);
  }
  const known: State = withPod(
    {
      ...state,
      settings: { ...state.settings, minInterval: intervalOf(state, kept) },
      configuration: { ...state.configuration, lastApply: kept.ended > 0 ? ended : undefined },
    },
    {
      kept: { ...kept, paths: [], alone },
      owed: paths,
      noted: found.length > 0 ? OF_EARLIER : undefined,
      ended,
      shared,
      found,
      mains: new Map(hooks.map((name) => [name, recalledMain(state, name, kept)])),
      futile: alone < MOST_ALONE ? undefined : missing(code, alone, evidence),
    },
  );
  // It is owed once: what ends this life in another way must not be taken for the same end.
  const noted = owed ? keepNow(known, 'note', new Map(), {}, turn) : known;
  return prepare(noted, undefined, 'first', turn);
}

function recalledMain({ settings }: State, name: string, { overdue }: Kept): Main {
  const isRestarted = settings.watches.some(({ action }) => action.kind === 'unhealthy');
  return { ...NEW_MAIN, hooked: true, overdue: isRestarted && overdue.includes(name) };
}

function intervalOf({ settings }: State, { interval }: Kept): number {
  return settings.pod?.growing === true && interval > 0 ? interval : settings.minInterval;
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

/** What the life before this one began, and this one has to answer for; or what changed while there was none. */
export function tellRecalled(state: State, turn: Turn): void {
  const { kept, owed: paths, ended = 0, futile, found } = state.pod;
  if (kept !== undefined && paths.length > 0) {
    const { code, alone } = kept;
    const wait = ended + state.settings.minInterval - turn.at;
    turn.notices.push({
      type: 'restart-recalled',
      paths,
      actions: [{ kind: 'exit', code }],
      alone:
        alone === 0
          ? undefined
          : (futile ?? `the sidecar ended with ${code}, and it alone was started again`),
      again: alone === 0 || futile !== undefined ? undefined : Math.max(SOONEST, wait),
    });
    return;
  }
  const { seen } = state.configuration;
  // What was there for a moment only may have been read by a start all the same.
  const isOpen = kept !== undefined && kept.anew.length > 0 && !found.every(({ answered }) => answered);
  const missed = found.flatMap(({ path, told, still, digest }) => {
    const content = seen.get(path);
    const isKnown = told && (still || !isOpen);
    return content === undefined || (isKnown && digest === content.digest) ? [] : [path];
  });
  if (missed.length > 0) turn.notices.push({ type: 'change-missed', paths: missed });
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
  const stopping = withChild(state, awaitingRestart(child, afterwards));
  if (state.settings.pod?.state === undefined) return end(stopping, turn, code);
  // Where it was only asked for, all watches are what the next life answers for.
  const owed = paths.length > 0 ? paths.slice(0, MOST_PATHS) : [...state.configuration.seen.keys()];
  const change = { paths: owed, code, interval: nextInterval(state, turn) };
  return keepNow(stopping, 'end', new Map(), change, turn);
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

export function endKept(
  state: State,
  child: Extract<Child, { phase: 'stopping' }>,
  event: EventOf<'kept'>,
  turn: Turn,
): State {
  const { afterwards } = child;
  const told = tellKept(state, child, event, turn);
  if (told.pod.keeping > 0 || typeof afterwards !== 'object') return told;
  return end(told, turn, afterwards.exit);
}
