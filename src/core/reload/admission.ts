import { type Snapshot, sameSnapshot } from '../files/content.ts';
import { closeGate, openGate, openRollback, type Refusal } from '../gate/gate.ts';
import { gateEnds } from '../gate/letting.ts';
import { canRollBack, hasGood, readable } from '../gate/stages.ts';
import { type Gate, type State, withConfiguration } from '../state/state.ts';
import { type EventOf, log, type Turn } from '../state/turn.ts';
import { raiseAlarm } from './alarm.ts';
import { CHECK_BACK_OFF, retryLater } from './outcome.ts';
import { environmentFor } from './plan.ts';

/* Every start of a child is preceded by the check of what it will read (specification 5, *start*). */

/** The child may be started as far as supervision is concerned: what it will read is brought to the gate. */
export function askedStart(state: State, turn: Turn): State {
  const { staged, gate, publishing } = state.configuration;
  if (staged === undefined) {
    const job = state.jobs + 1;
    turn.effects.push({ type: 'stage', job, task: { op: 'open', stages: state.settings.stages } });
    return { ...state, jobs: job };
  }
  // The child starts on what is being published, be it for a roll-back or for a reload that is moot by now.
  if (gate !== undefined || publishing !== undefined) return state;
  return openGate(state, { kind: 'start' }, forStart(state), gateEnds, turn);
}

/** What a start is to read: what is there, unless that failed already, or a reload has brought what is to be read. */
function forStart(state: State): Snapshot {
  const { progress, barred, seen } = state.configuration;
  const nothingNew = progress.phase === 'acting' || (barred !== undefined && sameSnapshot(barred, seen));
  return nothingNew ? readable(state) : seen;
}

/** The content was looked at while it is at the gate for a start: what has changed is brought there in its stead. */
export function seenBeforeStart(state: State, turn: Turn): State {
  const { gate, staged } = state.configuration;
  if (state.child.phase !== 'preparing' || !state.child.asked || staged === undefined) return state;
  if (gate === undefined) return askedStart(state, turn);
  if (gate.purpose.kind !== 'start' || gate.step === 'publishing') return state;
  return sameSnapshot(gate.snapshot, forStart(state)) ? state : askedStart(closeGate(state, turn), turn);
}

/** The targets of the stages were opened, or can't be used. */
export function stagesOpened(state: State, event: EventOf<'staged'>, turn: Turn): State {
  const { result } = event;
  switch (result.op) {
    case 'opened': {
      const staged = state.settings.stages.map((stage, index) => ({
        stage,
        inMemory: result.stages[index]?.inMemory ?? true,
        active: result.stages[index]?.active,
        good: result.stages[index]?.good,
      }));
      return askedStart(withConfiguration(state, { staged }), turn);
    }
    case 'refused':
      turn.notices.push({ type: 'unusable', refusal: result.text });
      return state;
    case 'failed':
      turn.notices.push({ type: 'unusable', refusal: result.reason });
      return state;
    default:
      return state;
  }
}

function admit(state: State, snapshot: Snapshot, environment: readonly string[], turn: Turn): State {
  turn.notices.push({ type: 'may-start' });
  return withConfiguration(state, { next: { snapshot, environment } });
}

/** Good generations that were published for a start are not what was seen. */
export function startPassed(state: State, gate: Gate, turn: Turn): State {
  return admit(state, gate.snapshot, gate.environment, turn);
}

/** What the child would read is bad, or nothing is known about it: it starts on what was good, or all the same, or not at all. */
export function startRefused(state: State, gate: Gate, refusal: Refusal, turn: Turn): State {
  const { configuration, child } = state;
  const { reason, bad, fields } = refusal;
  const first = child.phase === 'preparing' && child.last === undefined;
  const goesBack = hasGood(configuration);
  if (first && !goesBack) {
    log(turn, 'error', 'start.refused', `the child is not started: ${reason}`, { reason, ...fields });
    turn.notices.push({ type: 'unusable', refusal: reason });
    return state;
  }
  log(turn, 'error', 'start.degraded', `the child starts on older content, or unchecked: ${reason}`, {
    reason,
    ...fields,
  });
  const paths = gate.paths.length > 0 ? gate.paths : [...configuration.seen.keys()];
  const alarmed = raiseAlarm(withConfiguration(state, { barred: configuration.seen }), paths, reason, turn);
  const later = bad ? alarmed : retryLater(alarmed, CHECK_BACK_OFF, [], turn);
  const snapshot = goesBack ? goodSnapshot(later) : readable(later);
  const made = environmentFor(later, snapshot);
  if (!made.ok && first) {
    turn.notices.push({ type: 'unusable', refusal: made.error });
    return state;
  }
  const environment = made.ok ? made.value.entries : later.configuration.next.environment;
  if (goesBack && canRollBack(later.configuration)) {
    return openRollback(later, { purpose: { kind: 'start' }, snapshot, environment }, gateEnds, turn);
  }
  return admit(later, snapshot, environment, turn);
}

/** What the child reads once the good generations are published. */
function goodSnapshot(state: State): Snapshot {
  const { staged = [] } = state.configuration;
  const good = staged.map((one) => ({ ...one, active: one.good }));
  return readable(withConfiguration(state, { staged: good }));
}
