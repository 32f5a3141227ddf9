import { requestLook } from '../observation/observation.ts';
import { act } from '../reload/acting.ts';
import { startPassed, startRefused } from '../reload/admission.ts';
import { CHECK_BACK_OFF, failed, rejected, retryLater } from '../reload/outcome.ts';
import { rollbackPassed, rollbackRefused } from '../reload/rollback.ts';
import { advance, again, rest, withdraw } from '../reload/scheduling.ts';
import { type Reload, type State, withConfiguration } from '../state/state.ts';
import type { Turn } from '../state/turn.ts';
import type { GateEnds, Refusal } from './gate.ts';

/** What follows at the end of the gate, by what it was opened for. */
export const gateEnds: GateEnds = {
  passed(state, gate, turn) {
    const { purpose } = gate;
    switch (purpose.kind) {
      case 'reload':
        return act(state, purpose.reload, turn);
      case 'start':
        return startPassed(state, gate, turn);
      case 'rollback':
        return rollbackPassed(state, purpose.reload, turn);
      default:
        return purpose satisfies never;
    }
  },
  refused(state, gate, refusal, turn) {
    const { purpose } = gate;
    switch (purpose.kind) {
      case 'reload':
        return reloadRefused(state, purpose.reload, refusal, turn);
      case 'start':
        return startRefused(state, gate, refusal, turn);
      case 'rollback':
        return rollbackRefused(state, purpose.reload, refusal.reason, turn);
      default:
        return purpose satisfies never;
    }
  },
  overtaken(state, gate, turn) {
    // What is there now is looked at, and brought to the gate in its stead.
    if (gate.purpose.kind === 'start') return requestLook(state, turn).state;
    const resting = withdraw(state, 'the content has changed', turn);
    const held = withConfiguration(resting, { changedAt: turn.at });
    return advance(held, false, turn);
  },
};

/** The application keeps running on what it has. */
function reloadRefused(state: State, reload: Reload, refusal: Refusal, turn: Turn): State {
  const { bad, reason, fields } = refusal;
  if (bad) return again(rest(rejected(state, reload, reason, fields, turn)), turn);
  const barred = withConfiguration(state, { barred: reload.snapshot });
  const later = retryLater(barred, CHECK_BACK_OFF, reload.requested, turn);
  return again(rest(failed(later, reload, reason, turn)), turn);
}
