import type { JobOutcome } from '../state/job.ts';
import type { Slot } from '../state/passage.ts';
import type { State } from '../state/state.ts';
import { clearTimers, log, setTimer, type Turn } from '../state/turn.ts';
import { groupOf, pause, withSlot } from './pause.ts';
import { PATIENCE, type Reply, replyOf, requestTask } from './requests.ts';
import { want } from './wanting.ts';

/* Giving a slot back, again and again until there is an answer. */

type Returning = Extract<Slot, { phase: 'returning' }>;

/** @param held whether it was known to be held: else the server may well say no */
export function giveBack(
  state: State,
  { tries, held }: { readonly tries: number; readonly held: boolean },
  turn: Turn,
): State {
  const job = state.jobs + 1;
  turn.effects.push({ type: 'begin-job', job, task: requestTask(state, 'steady-state') });
  setTimer(turn, 'fleet-answer', PATIENCE);
  return withSlot({ ...state, jobs: job }, { phase: 'returning', job, tries, held, wanted: false });
}

/** The request has ended. */
export function givenBack(state: State, slot: Returning, outcome: JobOutcome, turn: Turn): State {
  clearTimers(turn, 'fleet-answer');
  return replied(state, slot, replyOf(outcome), turn);
}

export function givenBackInVain(state: State, slot: Returning, _event: unknown, turn: Turn): State {
  turn.effects.push({ type: 'cancel-job', job: slot.job });
  return replied(state, slot, { kind: 'none', text: `no answer within ${PATIENCE} ms` }, turn);
}

function replied(state: State, { tries, held, wanted }: Returning, reply: Reply, turn: Turn): State {
  const group = groupOf(state);
  switch (reply.kind) {
    case 'yes':
      log(turn, held ? 'info' : 'debug', 'fleet.returned', `the slot of the fleet ${group} is given back`, {
        group,
      });
      break;
    case 'no': {
      // Some servers say so to whoever holds none.
      const message = `the slot of the fleet ${group} was not taken back: ${reply.text}`;
      log(turn, held ? 'warn' : 'debug', 'fleet.not_returned', message, { group, value: reply.text });
      break;
    }
    case 'none': {
      if (wanted) break;
      const message = `the slot of the fleet ${group} can't be given back yet: ${reply.text}`;
      log(turn, tries === 0 ? 'warn' : 'debug', 'fleet.not_returned', message, { group, value: reply.text });
      return withSlot(pause(state, tries, turn), { phase: 'retrying', tries: tries + 1, held });
    }
    default:
      return reply satisfies never;
  }
  return wanted ? want(withSlot(state, { phase: 'free' }), false, turn) : withSlot(state, { phase: 'free' });
}
