import type { State } from '../state/state.ts';
import { type EventOf, log, type Turn } from '../state/turn.ts';
import type { Server } from '../state/visits.ts';
import { textOfBytes } from '../text/bytes.ts';

/* Where the server is asked: at the port of `--listen`, and at the control socket. */

/** For both families, where there is IPv6. */
const ANY_ADDRESS = '::';

export function withServer(state: State, change: Partial<Server>): State {
  return { ...state, server: { ...state.server, ...change } };
}

/** What was to be listened on is, or can't be: what an option asks for must be, the socket that nobody asked for need not. */
export function listening(state: State, _part: Server, event: EventOf<'listening'>, turn: Turn): State {
  const { where, errno } = event;
  if (errno === 'EAFNOSUPPORT' && where === `[${ANY_ADDRESS}]:${state.settings.listen?.port}`) {
    turn.effects.push({ type: 'listen', address: '0.0.0.0', port: state.settings.listen?.port ?? 0 });
    return state;
  }
  if (errno !== undefined)
    turn.notices.push({ type: 'unusable', refusal: `${where} can't be listened on (${errno})` });
  return opened(state, turn);
}

/** The control socket that was asked for must be there, the one that nobody asked for is left out with a word. */
export function listeningLocal(
  state: State,
  _part: Server,
  event: EventOf<'listening-local'>,
  turn: Turn,
): State {
  const { socket } = state.settings;
  const path = textOfBytes(event.path ?? '');
  if (socket !== undefined) {
    if (event.errno !== undefined)
      turn.notices.push({ type: 'unusable', refusal: `--socket ${path}: can't be made (${event.errno})` });
    return opened(state, turn);
  }
  const why = event.path === undefined ? 'there is no place for one' : `${path}: ${event.errno}`;
  if (event.path !== undefined && event.errno === undefined) return state;
  if (state.record.announced)
    log(turn, 'info', 'socket.left_out', `no control socket: ${why}`, { reason: why });
  return withServer(state, { leftOut: why });
}

function opened(state: State, turn: Turn): State {
  const opening = state.server.opening - 1;
  if (opening === 0) turn.notices.push({ type: 'gate-free' });
  return withServer(state, { opening });
}

export function begin(state: State, _part: Server, _event: unknown, turn: Turn): State {
  const { listen, socket, dryRun } = state.settings;
  if (dryRun) return state;
  if (listen !== undefined)
    turn.effects.push({ type: 'listen', address: listen.host ?? ANY_ADDRESS, port: listen.port });
  turn.effects.push({ type: 'listen-local', path: socket, uid: state.identity.uid });
  // Only what was asked for is waited for.
  return withServer(state, { opening: (listen === undefined ? 0 : 1) + (socket === undefined ? 0 : 1) });
}
