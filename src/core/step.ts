import { FLEET } from './fleet/fleet.ts';
import { returnIfSettled } from './fleet/settled.ts';
import { GATE } from './gate/gate.ts';
import { OBSERVATION } from './observation/observation.ts';
import { READINESS } from './readiness/readiness.ts';
import { RELOAD } from './reload/reload.ts';
import { RECORD } from './report/report.ts';
import { SERVER } from './server/server.ts';
import type { SidecarRoom } from './sidecar/room.ts';
import type { Effect } from './state/effect.ts';
import type { Event } from './state/event.ts';
import type { State } from './state/state.ts';
import { type CoreEvent, dispatch, type EventKey, keyOf, newTurn, type Turn } from './state/turn.ts';
import { endIfParted } from './supervision/parting.ts';
import { SUPERVISION } from './supervision/supervision.ts';

/**
 * All decisions of rehup: from a state and an event to the next state and what is to be done, in order.
 *
 * The machines share the work: observation looks at the watches, the fleet has or has not a slot for us, the gate has content copied, checked and published, reload
 * takes a change to its outcome, supervision leads the child's life, readiness asks whether the application serves, and the server answers
 * who asks from outside; what is over is remembered in the record. Each has a table of its phases and events; what one has to tell the others it
 * leaves as a notice, and the step is over when there is none left. After the exit nothing has an effect any more.
 *
 * @param room of a sidecar, whose machine is in the place of supervision
 */
export function step(
  state: State,
  event: Event,
  room?: SidecarRoom,
): { readonly state: State; readonly effects: readonly Effect[] } {
  if (state.child.phase === 'ended') return { state, effects: [] };
  const turn = newTurn(event.at);
  let next = handle(state, event, turn, room);
  for (let notice = turn.notices.shift(); notice !== undefined; notice = turn.notices.shift()) {
    next = handle(next, notice, turn, room);
  }
  next = endIfParted(returnIfSettled(room?.keepTold(next, turn) ?? next, turn), turn);
  return { state: next, effects: untilExit(turn.effects) };
}

const REMEMBERING = { phase: 'remembering' } as const;

/** Has one machine take an event in its part of the state. */
type Machine = (state: State, event: CoreEvent, turn: Turn, key: EventKey) => State;

/** The machines in their order, and for which events each is there. */
function* machines(
  room: SidecarRoom | undefined,
): Generator<readonly [Readonly<Record<string, object>>, Machine]> {
  yield [
    RECORD,
    (state, event, turn, key) => dispatch(RECORD, 'record', state, REMEMBERING, event, turn, key),
  ];
  yield [
    OBSERVATION,
    (state, event, turn, key) =>
      dispatch(OBSERVATION, 'observation', state, state.observation, event, turn, key),
  ];
  yield [FLEET, (state, event, turn, key) => dispatch(FLEET, 'slot', state, state.slot, event, turn, key)];
  yield [
    GATE,
    (state, event, turn, key) => dispatch(GATE, 'gate', state, state.gate.transit, event, turn, key),
  ];
  yield [
    RELOAD,
    (state, event, turn, key) =>
      dispatch(RELOAD, 'reload', state, state.configuration.progress, event, turn, key),
  ];
  if (room === undefined)
    yield [
      SUPERVISION,
      (state, event, turn, key) => dispatch(SUPERVISION, 'child', state, state.child, event, turn, key),
    ];
  else
    yield [
      room.table,
      (state, event, turn, key) => dispatch(room.table, 'sidecar', state, state.child, event, turn, key),
    ];
  yield [
    READINESS,
    (state, event, turn, key) => dispatch(READINESS, 'readiness', state, state.readiness, event, turn, key),
  ];
  yield [
    SERVER,
    (state, event, turn, key) => dispatch(SERVER, 'server', state, state.server, event, turn, key),
  ];
}

type Concerned = ReadonlyMap<EventKey, readonly Machine[]>;

/** By the key of an event the machines that it concerns, in their order: most concern one or two of them. */
function concerned(room: SidecarRoom | undefined): Concerned {
  const known = new Map<EventKey, Machine[]>();
  for (const [table, machine] of machines(room)) {
    const keys = new Set(Object.values(table).flatMap((row) => Object.keys(row) as EventKey[]));
    for (const key of keys) known.set(key, [...(known.get(key) ?? []), machine]);
  }
  return known;
}

/** The one when this file is loaded, the other when there is a sidecar. */
const OF_CHILD = concerned(undefined);
let ofSidecar: Concerned | undefined;

function machinesFor(key: EventKey, room: SidecarRoom | undefined): readonly Machine[] {
  if (room === undefined) return OF_CHILD.get(key) ?? [];
  ofSidecar ??= concerned(room);
  return ofSidecar.get(key) ?? [];
}

function handle(state: State, event: CoreEvent, turn: Turn, room: SidecarRoom | undefined): State {
  const key = keyOf(event);
  let next = state;
  for (const machine of machinesFor(key, room)) next = machine(next, event, turn, key);
  return next;
}

/** Nothing goes with an exit but what tells how it came to it, and the last word to who is left behind; these come first. */
function untilExit(effects: readonly Effect[]): readonly Effect[] {
  const exit = effects.find((effect) => effect.type === 'exit');
  if (exit === undefined) return effects;
  const last = effects.filter(({ type }) => type === 'log' || type === 'print' || type === 'signal-each');
  return [...last, exit];
}
