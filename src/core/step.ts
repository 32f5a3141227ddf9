import { FLEET } from './fleet/fleet.ts';
import { returnIfSettled } from './fleet/settled.ts';
import { GATE } from './gate/gate.ts';
import { OBSERVATION } from './observation/observation.ts';
import { READINESS } from './readiness/readiness.ts';
import { RELOAD } from './reload/reload.ts';
import { RECORD } from './report/report.ts';
import { SERVER } from './server/server.ts';
import { SIDECAR } from './sidecar/sidecar.ts';
import type { Effect } from './state/effect.ts';
import type { Event } from './state/event.ts';
import type { State } from './state/state.ts';
import { type CoreEvent, dispatch, newTurn, type Turn } from './state/turn.ts';
import { endIfParted } from './supervision/parting.ts';
import { SUPERVISION } from './supervision/supervision.ts';

/**
 * All decisions of rehup: from a state and an event to the next state and what is to be done, in order.
 *
 * The machines share the work: observation looks at the watches, the fleet has or has not a slot for us, the gate has content copied, checked and published, reload
 * takes a change to its outcome, supervision leads the child's life, readiness asks whether the application serves, and the server answers
 * who asks from outside; what is over is remembered in the record. Each has a table of its phases and events; what one has to tell the others it
 * leaves as a notice, and the step is over when there is none left. After the exit nothing has an effect any more.
 */
export function step(
  state: State,
  event: Event,
): { readonly state: State; readonly effects: readonly Effect[] } {
  if (state.child.phase === 'ended') return { state, effects: [] };
  const turn = newTurn(event.at);
  let next = handle(state, event, turn);
  for (let notice = turn.notices.shift(); notice !== undefined; notice = turn.notices.shift()) {
    next = handle(next, notice, turn);
  }
  next = endIfParted(returnIfSettled(next, turn), turn);
  return { state: next, effects: untilExit(turn.effects) };
}

const REMEMBERING = { phase: 'remembering' } as const;

function handle(state: State, event: CoreEvent, turn: Turn): State {
  const remembered = dispatch(RECORD, 'record', state, REMEMBERING, event, turn);
  const observed = dispatch(OBSERVATION, 'observation', remembered, remembered.observation, event, turn);
  const slotted = dispatch(FLEET, 'slot', observed, observed.slot, event, turn);
  const gated = dispatch(GATE, 'gate', slotted, slotted.gate.transit, event, turn);
  const configured = dispatch(RELOAD, 'reload', gated, gated.configuration.progress, event, turn);
  const supervised = state.settings.sidecar
    ? dispatch(SIDECAR, 'sidecar', configured, configured.child, event, turn)
    : dispatch(SUPERVISION, 'child', configured, configured.child, event, turn);
  const ready = dispatch(READINESS, 'readiness', supervised, supervised.readiness, event, turn);
  return dispatch(SERVER, 'server', ready, ready.server, event, turn);
}

/** Nothing goes with an exit but what tells how it came to it, and the last word to who is left behind; these come first. */
function untilExit(effects: readonly Effect[]): readonly Effect[] {
  const exit = effects.find((effect) => effect.type === 'exit');
  if (exit === undefined) return effects;
  const last = effects.filter(({ type }) => type === 'log' || type === 'print' || type === 'signal-each');
  return [...last, exit];
}
