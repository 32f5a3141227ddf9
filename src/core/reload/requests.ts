import { signalName } from '../process/signals.ts';
import { distinctActions } from '../state/action.ts';
import type { Progress } from '../state/progress.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { clearTimers, type EventOf, log, type Turn } from '../state/turn.ts';
import { advance, withdraw } from './scheduling.ts';

/* Reloads that are asked for from outside, by a signal or over the control socket. */

/** A request from outside: like a change, but whether or not the content changed, and without waiting for quiet. */
export function requested(
  state: State,
  progress: Progress,
  event: EventOf<'reload-requested'>,
  turn: Turn,
): State {
  const { configuration } = state;
  const signal = signalName(event.signal);
  log(turn, 'info', 'reload.requested', `${signal} asks for a reload`, { signal });
  const asked = withConfiguration(state, {
    requested: distinctActions([
      ...configuration.requested,
      { kind: 'signal', signal: event.signal, forced: event.forced },
    ]),
    changedAt: configuration.changedAt ?? turn.at,
    barred: undefined,
  });
  const busy = ['acting', 'reading', 'gated', 'splaying'].includes(progress.phase);
  if (busy) return asked;
  clearTimers(turn, 'settle', 'ceiling', 'min-interval');
  return advance(asked, false, turn);
}

/** `rehup reload`: as if all had changed, and whatever failed before; the check alone is kept (specification 5). */
export function asked(state: State, progress: Progress, event: EventOf<'reload-asked'>, turn: Turn): State {
  const { configuration, settings } = state;
  const { unlocked } = event;
  const how = unlocked ? ' without a slot of the fleet' : '';
  log(turn, unlocked ? 'warn' : 'info', 'reload.requested', `rehup reload asks for a reload${how}`);
  const actions =
    settings.watches.length === 0 ? [settings.onChange] : settings.watches.map(({ action }) => action);
  const wanted = withConfiguration(state, {
    requested: [...configuration.requested, ...actions, { kind: 'none' }],
    changedAt: configuration.changedAt ?? turn.at,
    barred: undefined,
    splayed: true,
    unlocked: unlocked || configuration.unlocked,
  });
  // What waits for a slot does so no more.
  if (unlocked && state.gate.transit.phase === 'queueing') {
    const again = withdraw(wanted, 'it is asked for without a slot of the fleet', turn);
    const kept = { changedAt: wanted.configuration.changedAt, splayed: true };
    return advance(withConfiguration(again, kept), false, turn);
  }
  if (['baseline', 'acting', 'reading', 'gated'].includes(progress.phase)) return wanted;
  clearTimers(turn, 'settle', 'ceiling', 'min-interval', 'splay');
  return advance(wanted, false, turn);
}
