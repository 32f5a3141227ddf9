import type { JobOutcome } from '../state/job.ts';
import type { Slot, Wish } from '../state/passage.ts';
import type { State } from '../state/state.ts';
import { clearTimers, log, type Turn } from '../state/turn.ts';
import { groupOf, pause, withSlot } from './pause.ts';
import { PATIENCE, type Reply, replyOf } from './requests.ts';
import { giveBack } from './returning.ts';

/* Asking for a slot, again and again until it is given. */

export type In<Phase extends Slot['phase']> = Extract<Slot, { phase: Phase }>;

/** The request has ended. */
export function asked(state: State, slot: In<'asking'>, outcome: JobOutcome, turn: Turn): State {
  clearTimers(turn, 'fleet-answer');
  return replied(state, slot, replyOf(outcome), turn);
}

export function askedInVain(state: State, slot: In<'asking'>, _event: unknown, turn: Turn): State {
  turn.effects.push({ type: 'cancel-job', job: slot.job });
  return replied(state, slot, { kind: 'none', text: `no answer within ${PATIENCE} ms` }, turn);
}

function replied(state: State, { wanted, wish }: In<'asking'>, reply: Reply, turn: Turn): State {
  const yes = reply.kind === 'yes';
  if (!wanted) {
    // A no may have been a *not yet*, and silence may have been a yes.
    const none = reply.kind === 'no' && reply.full;
    return none ? withSlot(state, { phase: 'free' }) : giveBack(state, { tries: 0, held: yes }, turn);
  }
  if (yes) {
    clearTimers(turn, 'fleet-timeout');
    const ms = Math.round(turn.at - wish.since);
    log(turn, 'info', 'fleet.granted', `a slot of the fleet is held, after ${ms} ms`, {
      group: groupOf(state),
      ms,
    });
    turn.notices.push({ type: 'slot-granted' });
    return withSlot(state, { phase: 'held', since: turn.at });
  }
  if (reply.text !== wish.refusal) tellHeld(state, reply, turn);
  const earlier = wish.earlier && !(reply.kind === 'no' && reply.full);
  const next: Wish = { ...wish, earlier, tries: wish.tries + 1, refusal: reply.text };
  return withSlot(pause(state, wish.tries, turn), { phase: 'pausing', wish: next });
}

function tellHeld(state: State, { kind, text }: Exclude<Reply, { kind: 'yes' }>, turn: Turn): void {
  const group = groupOf(state);
  const message =
    kind === 'no'
      ? `the reload waits for a slot of the fleet ${group}: ${text}`
      : `the reload waits for a slot of the fleet ${group}, and the server does not answer: ${text}`;
  const fields = { reason: 'fleet-lock', group, value: text };
  log(turn, kind === 'no' ? 'info' : 'warn', 'reload.held', message, fields);
}

/** Nobody was granted a slot within `--fleet-timeout`. */
export function goOn(state: State, { refusal, since }: Wish, turn: Turn): void {
  const ms = Math.round(turn.at - since);
  const reason = refusal ?? 'no answer yet';
  const message = `no slot of the fleet within ${ms} ms (${reason}): the reload goes on without`;
  log(turn, 'warn', 'fleet.timeout', message, { group: groupOf(state), ms, reason });
  turn.notices.push({ type: 'slot-granted' });
}
