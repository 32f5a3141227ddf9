import { changedPaths, sameSnapshot } from '../files/snapshot.ts';
import { closeGate, isGateBusy, openGate } from '../gate/gate.ts';
import { requestLook } from '../observation/observation.ts';
import { type Action, isRestarting } from '../state/action.ts';
import type { HeldReason, Progress, Reload } from '../state/progress.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { clearTimers, log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { random } from '../text/random.ts';
import { digestFields, PATHS_SHOWN, pathFields, superseded, supersededBy } from './outcome.ts';
import { isChanged, plan, settleTime } from './plan.ts';

/* From a change that was seen to a reload that is at the gate. */

/** Content that never rests is acted on after this many settle times, and at least this long, ms. */
const CEILING_FACTOR = 10;
const CEILING_LEAST = 10_000;

export type In<Phase extends Progress['phase']> = Extract<Progress, { phase: Phase }>;

export function rest(state: State): State {
  return withConfiguration(state, {
    progress: { phase: 'resting' },
    changedAt: undefined,
    awaitVerified: false,
    splayed: false,
  });
}

/** Ends whatever is waited for before a reload begins. */
export function clearWaits(turn: Turn): void {
  clearTimers(turn, 'settle', 'ceiling', 'min-interval', 'splay');
}

export function changed(state: State, turn: Turn): State {
  const { told, seen, unanswered = [] } = state.configuration;
  const differ = changedPaths(told, seen);
  const paths = differ.length > 0 ? differ : unanswered;
  log(
    turn,
    'info',
    'config.changed',
    `${paths.length} changed: ${paths.slice(0, PATHS_SHOWN).map(textOfBytes).join(', ')}`,
    {
      ...pathFields(paths),
      ...digestFields(told, seen),
    },
  );
  // What failed before is of no interest any more.
  clearTimers(turn, 'retry');
  const fresh = { barred: undefined, retries: 0, retrying: [], changedAt: turn.at };
  const delay = settleTime(state);
  if (delay === 0) return advance(withConfiguration(state, fresh), true, turn);
  logHeld(turn, 'settle', delay);
  setTimer(turn, 'settle', delay);
  setTimer(turn, 'ceiling', Math.max(delay * CEILING_FACTOR, CEILING_LEAST));
  return withConfiguration(state, { ...fresh, heldUntil: turn.at + delay, progress: { phase: 'settling' } });
}

/** It has changed once more: quiet is waited for anew, up to the ceiling. */
export function settleAnew(state: State, turn: Turn): State {
  const delay = settleTime(state);
  setTimer(turn, 'settle', delay);
  return withConfiguration(state, { heldUntil: turn.at + delay });
}

/**
 * Takes a change that is to be applied as far as it can go: held back by what must be waited for, then read once more
 * unless what was seen is `fresh`, then brought to the gate.
 */
export function advance(state: State, fresh: boolean, turn: Turn): State {
  const { settings, child, configuration } = state;
  const { seen, applied } = configuration;
  const { paths, actions } = plan(state, seen);
  if (child.phase !== 'running' || isGateBusy(state)) return hold(state, undefined, 0, turn);
  if (mustWaitForVerdict(state, actions)) return hold(state, 'verify', verdictWithin(state, turn), turn);
  // Good content that is back after bad was told is not kept waiting.
  const mends = configuration.degraded !== undefined && changedPaths(applied ?? new Map(), seen).length === 0;
  const { lastApply } = configuration;
  const wait = lastApply === undefined || mends ? 0 : lastApply + settings.minInterval - turn.at;
  if (wait > 0 && configuration.requested.length === 0) {
    setTimer(turn, 'min-interval', Math.ceil(wait));
    return hold(state, 'min-interval', wait, turn);
  }
  clearTimers(turn, 'min-interval');
  if (!configuration.splayed && settings.splay > 0) return splay(state, turn);
  if (fresh) return begin(state, paths, actions, turn);
  const { state: looking, look } = requestLook(state, turn);
  return withConfiguration(looking, { progress: { phase: 'reading', look } });
}

/** Waits of more than this are told (specification 5), ms. */
const HELD_SILENTLY = 1_000;

const WAITS: Readonly<Record<HeldReason, string>> = {
  settle: 'for quiet',
  splay: 'so that not all replicas reload at once',
  'min-interval': 'since the last one was not long ago',
  verify: 'for the verdict on what was told before',
  'fleet-lock': 'for a slot of the fleet',
  drain: 'for those who send requests to go elsewhere',
};

/** Says what a reload waits for, and how long at most. */
export function logHeld(turn: Turn, reason: HeldReason, wait: number): void {
  const ms = Math.round(wait);
  if (ms > HELD_SILENTLY)
    log(turn, 'info', 'reload.held', `the reload waits up to ${ms} ms ${WAITS[reason]}`, { reason, ms });
}

/** Keeps what is to be applied until something comes that advances it; what it waits for is said once. */
function hold(state: State, reason: HeldReason | undefined, wait: number, turn: Turn): State {
  const { progress } = state.configuration;
  const known = progress.phase === 'holding' && progress.reason === reason;
  if (reason !== undefined && !known) logHeld(turn, reason, wait);
  return withConfiguration(state, {
    heldUntil: turn.at + wait,
    progress: { phase: 'holding', ...(reason === undefined ? {} : { reason }) },
  });
}

/**
 * Whether the verdict on what was told before must be known first (specification 5, *in order*): what is not known to be good
 * is nothing to go back to, and a signal in the middle of a reload is lost in many applications.
 */
function mustWaitForVerdict({ settings, child, configuration }: State, actions: readonly Action[]): boolean {
  if (child.phase !== 'running') return false;
  const { awaitVerified, verifying } = configuration;
  const ordered = (settings.stages.length > 0 || settings.ready !== undefined) && actions.length > 0;
  const stops = actions.some(isRestarting);
  if ((stops || ordered || awaitVerified) && !child.verified) return true;
  return ordered && verifying !== undefined;
}

/** The longest that a verdict can take from now on, ms. */
export function verdictWithin({ settings, child, configuration }: State, turn: Turn): number {
  const { verify, ready, readyTimeout } = settings;
  const since =
    configuration.verifying === undefined && child.phase === 'running'
      ? child.since
      : configuration.lastApply;
  const limit = ready === undefined ? verify : verify + readyTimeout;
  return Math.max((since ?? turn.at) + limit - turn.at, 0);
}

/** Waits a random part of `--splay`, so that a fleet does not reload at once. */
function splay(state: State, turn: Turn): State {
  const { value, seed } = random(state.seed);
  const wait = Math.floor(value * state.settings.splay);
  logHeld(turn, 'splay', wait);
  setTimer(turn, 'splay', wait);
  const heldUntil = turn.at + wait;
  return withConfiguration({ ...state, seed }, { heldUntil, progress: { phase: 'splaying' } });
}

/** Begins a reload; the one that was only being verified ends with it. */
export function beginReload(
  state: State,
  paths: readonly string[],
  actions: Reload['actions'],
  snapshot: Reload['snapshot'],
  turn: Turn,
): { readonly begun: State; readonly reload: Reload } {
  const { verifying } = state.configuration;
  const isSame = verifying !== undefined && sameSnapshot(verifying.reload.snapshot, snapshot);
  const what = isSame ? 'the same content is being applied once more' : 'newer content is being applied';
  const superseding = superseded(state, turn, what);
  const { configuration } = superseding;
  const reload = {
    id: configuration.reloads + 1,
    since: configuration.changedAt ?? turn.at,
    begun: turn.at,
    from: configuration.told,
    paths,
    actions,
    requested: configuration.requested,
    unlocked: configuration.unlocked,
    snapshot,
    rollback: undefined,
  };
  const begun = withConfiguration(superseding, {
    reloads: reload.id,
    requested: [],
    changedAt: undefined,
    awaitVerified: false,
    splayed: false,
    unlocked: false,
  });
  return { begun, reload };
}

function begin(state: State, paths: readonly string[], actions: Reload['actions'], turn: Turn): State {
  const { seen } = state.configuration;
  const { begun, reload } = beginReload(state, paths, actions, seen, turn);
  const gated = withConfiguration(begun, { progress: { phase: 'gated', reload } });
  return openGate(gated, { kind: 'reload', reload }, seen, turn);
}

/** Ends the reload that is at the gate, if there is one, since it is moot. */
export function withdraw(state: State, reason: string, turn: Turn): State {
  const { progress } = state.configuration;
  if (progress.phase !== 'gated') return state;
  const closed = closeGate(state, turn);
  return rest(supersededBy(closed, progress.reload, reason, turn));
}

/** After a reload: what changed or was asked for meanwhile is next. */
export function again(state: State, turn: Turn): State {
  const { configuration } = state;
  if (configuration.requested.length > 0) return advance(state, false, turn);
  return isChanged(configuration) ? changed(state, turn) : state;
}
