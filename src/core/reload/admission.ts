import { changedPaths, type Snapshot, sameSnapshot } from '../files/snapshot.ts';
import { environmentFor } from '../gate/environment.ts';
import { closeGate, isGateBusy, openGate, openRollback } from '../gate/gate.ts';
import { canRollBack, hasGood, holdsSame, readable } from '../gate/stages.ts';
import { keepVanished } from '../observation/observation.ts';
import type { Passage, Refusal } from '../state/passage.ts';
import type { Progress, Reload } from '../state/progress.ts';
import { type State, withConfiguration, withGate } from '../state/state.ts';
import { clearTimers, type EventOf, log, type Turn } from '../state/turn.ts';
import { underWay } from './acting.ts';
import { raiseAlarm } from './alarm.ts';
import { CHECK_BACK_OFF, retryLater } from './outcome.ts';
import { plan } from './plan.ts';
import { beginReload, clearWaits, type In, rest, withdraw } from './scheduling.ts';

/* Every start of a child is preceded by the check of what it will read (specification 5, *start*). */

/** Whether supervision waits for what a start of the child will read. */
export function isStartAwaited({ child }: State): boolean {
  return child.phase === 'preparing' && child.asked;
}

/** The child may be started as far as supervision is concerned: what it will read is brought to the gate. */
export function askedStart(state: State, turn: Turn): State {
  if (state.settings.dryRun) return state.record.seeking ? state : tryStart(state, turn);
  // What can't be listened on is bad usage, before anything is started.
  if (state.server.opening > 0) return state;
  if (state.gate.staged === undefined) {
    const job = state.jobs + 1;
    turn.effects.push({ type: 'stage', job, task: { op: 'open', stages: state.settings.stages } });
    return { ...state, jobs: job };
  }
  // The child starts on what is being published, be it for a roll-back or for a reload that is moot by now.
  if (isGateBusy(state)) return state;
  const kept = keepSources(state, turn);
  if (kept !== undefined && canRollBack(kept.gate)) {
    const snapshot = goodSnapshot(kept);
    const made = environmentFor(kept, snapshot);
    if (made.ok)
      return openRollback(
        kept,
        { purpose: { kind: 'start' }, snapshot, environment: made.value.entries },
        turn,
      );
  }
  const now = kept ?? state;
  if (mustStartOnGood(now))
    return startOnGood(now, turn) ?? openGate(now, { kind: 'start' }, forStart(now), turn);
  return openGate(now, { kind: 'start' }, forStart(now), turn);
}

/**
 * New content takes a slot of the fleet, by a start as by a reload (specification 5.2): until there is one the child starts on
 * the last good generation, if there is one; a reload follows.
 */
function mustStartOnGood({ slot, gate, configuration }: State): boolean {
  if (slot.phase === 'off' || slot.phase === 'held' || !hasGood(gate)) return false;
  if (configuration.progress.phase === 'acting') return false;
  return (gate.staged ?? []).some(({ stage, good }) => {
    const content = configuration.seen.get(stage.source);
    return content !== undefined && !holdsSame(good?.content, content);
  });
}

/** Undefined where no environment can be made for it. */
function startOnGood(state: State, turn: Turn): State | undefined {
  const snapshot = goodSnapshot(state);
  const made = environmentFor(state, snapshot);
  if (!made.ok) return undefined;
  const { child, configuration } = state;
  const first = child.phase === 'preparing' && child.last === undefined;
  log(
    turn,
    'info',
    'start.deferred',
    'the child starts on the last good content: newer content takes a slot of the fleet',
  );
  const known = first ? withConfiguration(state, { deferred: configuration.seen }) : state;
  const { entries: environment } = made.value;
  return canRollBack(known.gate)
    ? openRollback(known, { purpose: { kind: 'start' }, snapshot, environment }, turn)
    : admit(known, snapshot, environment, turn);
}

/** At the first start: sources that lost all that they held count as what is good of them; undefined if there are none. */
function keepSources(state: State, turn: Turn): State | undefined {
  const { child, settings, gate } = state;
  if (child.phase !== 'preparing' || child.last !== undefined || settings.allowEmpty) return undefined;
  let kept: State | undefined;
  for (const { stage, good, active } of gate.staged ?? []) {
    const content = (good ?? active)?.content;
    const seen = state.configuration.seen.get(stage.source);
    if (content === undefined || content.files.size === 0 || (seen?.files.size ?? 0) > 0) continue;
    kept = keepVanished(kept ?? state, stage.source, content, turn);
  }
  return kept;
}

/** With `--dry-run`: whether a start would be refused for the environment; targets are not touched. */
function tryStart(state: State, turn: Turn): State {
  const made = environmentFor(state, state.configuration.seen);
  turn.notices.push(made.ok ? { type: 'nothing-to-start' } : { type: 'unusable', refusal: made.error });
  return state;
}

/** What a start is to read: what is there, unless that failed already, or a reload has brought what is to be read. */
function forStart(state: State): Snapshot {
  const { progress, barred, seen } = state.configuration;
  const nothingNew = progress.phase === 'acting' || (barred !== undefined && sameSnapshot(barred, seen));
  return nothingNew ? readable(state) : seen;
}

/** The content was looked at while it is at the gate for a start: what has changed is brought there in its stead. */
export function seenBeforeStart(state: State, turn: Turn): State {
  const { transit, staged } = state.gate;
  if (!isStartAwaited(state) || staged === undefined) return state;
  if (transit.phase === 'closed') return askedStart(state, turn);
  const { passage } = transit;
  if (passage.purpose.kind !== 'start' || transit.phase === 'publishing') return state;
  return sameSnapshot(passage.snapshot, forStart(state)) ? state : askedStart(closeGate(state, turn), turn);
}

function admit(state: State, snapshot: Snapshot, environment: readonly string[], turn: Turn): State {
  turn.notices.push({ type: 'may-start' });
  return withConfiguration(state, { next: { snapshot, environment } });
}

/** Good generations that were published for a start are not what was seen. */
export function startPassed(state: State, { snapshot, environment }: Passage, turn: Turn): State {
  return admit(state, snapshot, environment, turn);
}

/** What the child would read is bad, or nothing is known about it: it starts on what was good, or all the same, or not at all. */
export function startRefused(state: State, passage: Passage, refusal: Refusal, turn: Turn): State {
  const { configuration, child } = state;
  const { reason, bad, fields } = refusal;
  const first = child.phase === 'preparing' && child.last === undefined;
  const goesBack = hasGood(state.gate);
  // A sidecar starts nothing: the application reads what is there.
  if (first && !goesBack && !state.settings.sidecar) {
    log(turn, 'error', 'start.refused', `the child is not started: ${reason}`, { reason, ...fields });
    turn.notices.push({ type: 'unusable', refusal: reason });
    return state;
  }
  const what = state.settings.sidecar
    ? 'what the application reads at its start does not pass'
    : 'the child starts on older content, or unchecked';
  log(turn, 'error', 'start.degraded', `${what}: ${reason}`, {
    reason,
    ...fields,
  });
  const paths = passage.paths.length > 0 ? passage.paths : [...configuration.seen.keys()];
  const alarmed = raiseAlarm(withConfiguration(state, { barred: configuration.seen }), paths, reason, turn);
  const later = bad ? alarmed : retryLater(alarmed, CHECK_BACK_OFF, [], turn);
  const snapshot = goesBack ? goodSnapshot(later) : readable(later);
  const made = environmentFor(later, snapshot);
  if (!made.ok && first) {
    turn.notices.push({ type: 'unusable', refusal: made.error });
    return state;
  }
  const environment = made.ok ? made.value.entries : later.configuration.next.environment;
  if (goesBack && canRollBack(later.gate)) {
    return openRollback(later, { purpose: { kind: 'start' }, snapshot, environment }, turn);
  }
  return admit(later, snapshot, environment, turn);
}

/** What the child reads once the good generations are published. */
function goodSnapshot(state: State): Snapshot {
  const { staged = [] } = state.gate;
  return readable(withGate(state, { staged: staged.map((one) => ({ ...one, active: one.good })) }));
}

/**
 * The child that is about to start reads what was let through: what an action told the one before it without an answer is
 * of no interest any more, and a restart uses what its start reads.
 */
export function childStarting(
  state: State,
  progress: Progress,
  { unsure }: EventOf<'child-starting'>,
  turn: Turn,
): State {
  const { next, told, unanswered, barred } = state.configuration;
  const { snapshot } = next;
  const reading =
    progress.phase === 'acting' ? { progress: { ...progress, reload: reread(progress, snapshot) } } : {};
  const started = withConfiguration(state, {
    ...reading,
    told: snapshot,
    unanswered: unsure,
    cutOff: undefined,
  });
  if (unsure !== undefined || unanswered === undefined || barred === undefined || !sameSnapshot(barred, told))
    return started;
  clearTimers(turn, 'retry');
  return withConfiguration(started, { barred: undefined, retries: 0, retrying: [] });
}

function reread({ reload }: In<'acting'>, snapshot: Snapshot): Reload {
  if (sameSnapshot(reload.snapshot, snapshot)) return reload;
  const { from } = reload;
  return { ...reload, snapshot, paths: changedPaths(from, snapshot) };
}

/** The child is started for another reason: what changed meanwhile is told by that, unless it asks for more. */
export function startingAnyway(
  before: State,
  { phase }: Progress,
  event: EventOf<'child-starting'>,
  turn: Turn,
): State {
  // An application of another container did not wait for what is at the gate, and has read that.
  const reads = phase === 'gated' && before.settings.sidecar;
  const state = reads ? withdraw(before, 'the application is started meanwhile', turn) : before;
  const { next, barred, progress } = state.configuration;
  const { snapshot } = next;
  const { paths, actions } = plan(state, snapshot);
  if (barred !== undefined && progress.phase !== 'gated') {
    // What was not let through, and is read all the same, is no reload.
    clearWaits(turn);
    return rest(childStarting(state, progress, event, turn));
  }
  if (progress.phase === 'gated' || actions.length === 0) return childStarting(state, progress, event, turn);
  if (actions.some((action) => action.kind === 'exit')) return state;
  clearWaits(turn);
  const { begun, reload } = beginReload(state, paths, [{ kind: 'restart' }], snapshot, turn);
  // What was told without an answer before is known again: the start reads what is there.
  const known = withConfiguration(begun, { unanswered: event.unsure });
  return underWay(known, reload, 'the child is being started in any case', turn);
}
