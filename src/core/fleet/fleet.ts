import type { TimerName } from '../state/event.ts';
import type { Slot } from '../state/passage.ts';
import type { State } from '../state/state.ts';
import { clearTimers, type EventOf, log, type Table, type Turn } from '../state/turn.ts';
import { asked, askedInVain, goOn, type In } from './asking.ts';
import { groupOf, withSlot } from './pause.ts';
import { giveBack, givenBack, givenBackInVain } from './returning.ts';
import { ask, limit, want } from './wanting.ts';

/*
 * Room `fleet/`: the machine of the slot of this replica (specification 5.2): asked for by the FleetLock protocol, held,
 * given back. That it is wanted, and is not any more, it is told by notices; its own is `slot-granted`. May not know who
 * wants it, what is published or told with it, or how the child lives.
 */

function wantFirst(state: State, slot: In<'free' | 'unknown'>, _event: unknown, turn: Turn): State {
  return want(state, slot.phase === 'unknown', turn);
}

/** The answer to what was asked for before will do. */
function wantStill(state: State, slot: In<'asking'>, _event: unknown, turn: Turn): State {
  limit(state, turn);
  return withSlot(state, { ...slot, wanted: true, wish: { ...slot.wish, since: turn.at } });
}

/** Nobody took it back: perhaps it is held still. */
function wantAgain(state: State, _slot: Slot, _event: unknown, turn: Turn): State {
  clearTimers(turn, 'fleet');
  return want(state, false, turn);
}

function wantAfterwards(state: State, slot: In<'returning'>): State {
  return withSlot(state, { ...slot, wanted: true });
}

function grant(state: State, _slot: Slot, _event: unknown, turn: Turn): State {
  turn.notices.push({ type: 'slot-granted' });
  return state;
}

/** Who asked does not want it any more; whether it was granted must be known before it can be given back. */
function leaveAsking(state: State, slot: In<'asking'>, _event: unknown, turn: Turn): State {
  if (!slot.wanted) return state;
  clearTimers(turn, 'fleet-timeout');
  return slot.wish.earlier ? forget(state, slot, turn) : withSlot(state, { ...slot, wanted: false });
}

/** A no may have been a *not yet*: what was asked for is given back in any case. */
function leavePausing(state: State, { wish }: In<'pausing'>, _event: unknown, turn: Turn): State {
  clearTimers(turn, 'fleet', 'fleet-timeout');
  return unlessEarlier(state, wish.earlier, turn);
}

function unlessEarlier(state: State, earlier: boolean, turn: Turn): State {
  return earlier ? withSlot(state, { phase: 'unknown' }) : giveBack(state, { tries: 0, held: false }, turn);
}

/** Nothing was told with it. */
function leaveHeld(state: State, _slot: Slot, _event: unknown, turn: Turn): State {
  return giveBack(state, { tries: 0, held: true }, turn);
}

function leaveReturning(state: State, slot: In<'returning'>): State {
  return withSlot(state, { ...slot, wanted: false });
}

/** Ends a request whose answer can't be waited for. */
function forget(state: State, { job, wish }: In<'asking'>, turn: Turn): State {
  clearTimers(turn, 'fleet-answer', 'fleet-timeout');
  turn.effects.push({ type: 'cancel-job', job });
  return unlessEarlier(state, wish.earlier, turn);
}

function stopAsking(state: State, slot: In<'asking'>, _event: unknown, turn: Turn): State {
  return forget(state, slot, turn);
}

/** Content that failed stops the fleet here, also when this replica ends: the next one would do no better. */
function stopHeld(state: State, slot: In<'held'>, event: unknown, turn: Turn): State {
  const { degraded, stale } = state.configuration;
  if (degraded === undefined && stale.length === 0) return leaveHeld(state, slot, event, turn);
  const group = groupOf(state);
  const message = `the slot of the fleet ${group} is kept, since the content that it was held for failed`;
  log(turn, 'warn', 'fleet.kept', message, { group });
  return state;
}

function giveBackNow(state: State, { tries, held }: In<'retrying'>, _event: unknown, turn: Turn): State {
  clearTimers(turn, 'fleet');
  return giveBack(state, { tries, held }, turn);
}

/** So long without a slot is enough (`--fleet-timeout`). */
function late(state: State, slot: In<'asking' | 'pausing'>, event: unknown, turn: Turn): State {
  goOn(state, slot.wish, turn);
  return slot.phase === 'asking'
    ? leaveAsking(state, slot, event, turn)
    : leavePausing(state, slot, event, turn);
}

function askAgain(state: State, { wish }: In<'pausing'>, _event: unknown, turn: Turn): State {
  return ask(state, wish, turn);
}

function answeredAsking(state: State, slot: In<'asking'>, event: EventOf<'job-ended'>, turn: Turn): State {
  return event.job === slot.job ? asked(state, slot, event.outcome, turn) : state;
}

function answeredReturning(
  state: State,
  slot: In<'returning'>,
  event: EventOf<'job-ended'>,
  turn: Turn,
): State {
  return event.job === slot.job ? givenBack(state, slot, event.outcome, turn) : state;
}

type FleetKey =
  | 'slot-wanted'
  | 'slot-unwanted'
  | 'job-ended'
  | 'stopped'
  | `timer:${Extract<TimerName, 'fleet' | 'fleet-answer' | 'fleet-timeout'>}`;

/** What holds in most phases; each row below says what differs. */
const NOTHING = {
  'slot-wanted': 'impossible',
  'slot-unwanted': 'ignored',
  'job-ended': 'ignored',
  stopped: 'ignored',
  'timer:fleet': 'impossible',
  'timer:fleet-answer': 'impossible',
  'timer:fleet-timeout': 'impossible',
} as const;

const AT_REST = { ...NOTHING, 'slot-wanted': wantFirst } as const;

/** What the slot does with each event. */
export const FLEET: Table<Slot, FleetKey> = {
  off: NOTHING,
  unknown: AT_REST,
  free: AT_REST,
  asking: {
    ...NOTHING,
    'slot-wanted': wantStill,
    'slot-unwanted': leaveAsking,
    'job-ended': answeredAsking,
    stopped: stopAsking,
    'timer:fleet-answer': askedInVain,
    'timer:fleet-timeout': late,
  },
  pausing: {
    ...NOTHING,
    'slot-unwanted': leavePausing,
    stopped: leavePausing,
    'timer:fleet': askAgain,
    'timer:fleet-timeout': late,
  },
  held: { ...NOTHING, 'slot-wanted': grant, 'slot-unwanted': leaveHeld, stopped: stopHeld },
  returning: {
    ...NOTHING,
    'slot-wanted': wantAfterwards,
    'slot-unwanted': leaveReturning,
    'job-ended': answeredReturning,
    stopped: leaveReturning,
    'timer:fleet-answer': givenBackInVain,
  },
  retrying: {
    ...NOTHING,
    'slot-wanted': wantAgain,
    stopped: giveBackNow,
    'timer:fleet': giveBackNow,
  },
};
