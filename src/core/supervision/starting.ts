import type { ExitStatus } from '../process/exit.ts';
import { EXIT_FAILED, signalCode, startFailureCode, startFailureReason } from '../process/exit.ts';
import type { Signal } from '../process/signals.ts';
import { NOTIFY_SOCKET } from '../readiness/channel.ts';
import type { Child } from '../state/child.ts';
import type { StartReason } from '../state/record.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { end, endAs, type In, logDropped, logStop, prepare, withChild } from './child.ts';
import { routeOf } from './routing.ts';

/* From nothing to a child that was asked for. */

/** A restart that can't start the command is tried this often (specification 3), with these delays between, ms. */
const START_ATTEMPTS = 3;
const START_RETRY_DELAY = 1_500;

type Start = { readonly last: ExitStatus | undefined; readonly why: StartReason };

function start(state: State, attempt: number, { last, why }: Start, turn: Turn): State {
  turn.effects.push({ type: 'start', environment: state.configuration.next.environment });
  turn.notices.push({ type: 'child-starting' });
  return withChild(state, { phase: 'starting', attempt, last, why, kept: [] });
}

export function begin(state: State, _child: Child, event: EventOf<'begin'>, turn: Turn): State {
  turn.effects.push({ type: 'check-group', pid: 0, childEnded: true, why: 'before', ignoring: undefined });
  const { pid1, terminal, seed, identity } = event;
  const { inherited, argumentBytes } = givenTo(state, event);
  const given = { ...state, pid1, terminal, inherited, argumentBytes, seed, identity };
  return prepare(given, undefined, 'first', turn);
}

/** What the variable takes of the room of execve(2) with its address, and more, bytes. */
const NOTIFY_SOCKET_BYTES = 64;

/** Where rehup hears the child by sd_notify(3) itself, nobody that it starts is to speak to whom rehup would. */
function givenTo({ settings }: State, { environment, argumentBytes }: EventOf<'begin'>) {
  if (settings.ready?.kind !== 'notify') return { inherited: environment, argumentBytes };
  const inherited = environment.filter((entry) => !entry.startsWith(`${NOTIFY_SOCKET}=`));
  return { inherited, argumentBytes: argumentBytes - NOTIFY_SOCKET_BYTES };
}

/** What the child will read was looked at; whether it may be started is for others to say. */
export function content(state: State, child: In<'preparing'>, event: EventOf<'content'>, turn: Turn): State {
  if (child.asked || event.look < child.look) return state;
  turn.notices.push({ type: 'start-asked' });
  return withChild(state, { ...child, asked: true });
}

export function mayStart(state: State, child: In<'preparing'>, _event: unknown, turn: Turn): State {
  return start(state, 1, child, turn);
}

/** With `--dry-run` that is all. */
export function nothingToStart(state: State, _child: Child, _event: unknown, turn: Turn): State {
  return end(state, turn, 0);
}

export function unusable(state: State, _child: Child, event: EventOf<'unusable'>, turn: Turn): State {
  return end(state, turn, EXIT_FAILED, event.refusal);
}

/** A signal while there is no child to send it to. */
export function signalWithoutChild(
  state: State,
  child: In<'preparing' | 'starting' | 'retrying' | 'waiting'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  const { signal } = event;
  if (routeOf(state.settings, signal).kind !== 'stop') {
    logDropped(turn, signal, 'no child runs');
    return state;
  }
  logStop(turn, signal, 'no child runs');
  turn.notices.push({ type: 'stopped' });
  return endWithout(state, turn, child.last, signal);
}

/** Ends as the last child did, or as the stop that came before there was one. */
function endWithout(state: State, turn: Turn, last: ExitStatus | undefined, stop: Signal): State {
  return last === undefined ? end(state, turn, signalCode(stop)) : endAs(state, turn, last);
}

/** More signals than there are need not be kept for a child that is about to be there. */
const MOST_KEPT = 64;

/**
 * A signal while the host has a child to start: that takes time only where it has to ask a file server for the program.
 * Nothing was started yet, so a stop ends it there; all else is kept for the child.
 */
export function signalWhileStarting(
  state: State,
  child: In<'starting'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  if (routeOf(state.settings, event.signal).kind === 'stop')
    return signalWithoutChild(state, child, event, turn);
  if (child.kept.length >= MOST_KEPT) {
    logDropped(turn, event.signal, 'too many came while the child is being started');
    return state;
  }
  return withChild(state, { ...child, kept: [...child.kept, event.signal] });
}

export function spawnFailed(
  state: State,
  child: In<'starting'>,
  event: EventOf<'spawn-failed'>,
  turn: Turn,
): State {
  const command = textOfBytes(state.settings.command[0] ?? '');
  const reason = startFailureReason(event.errno);
  const again = child.last !== undefined && child.attempt < START_ATTEMPTS;
  if (event.channel === true && child.last === undefined)
    return end(state, turn, EXIT_FAILED, noChannel(state, event.errno));
  log(turn, again ? 'error' : 'fatal', 'child.start_failed', `${command} can't be started: ${reason}`, {
    command,
    errno: event.errno,
    attempt: child.attempt,
  });
  if (again) {
    setTimer(turn, 'start', START_RETRY_DELAY);
    const { attempt, last, why } = child;
    return withChild(state, { phase: 'retrying', attempt, last, why });
  }
  turn.notices.push({ type: 'start-failed', errno: event.errno });
  const line = `${command} can't be started: ${reason}`;
  const said = state.settings.silent ? { refusal: line } : { reason: line };
  turn.effects.push({ type: 'exit', code: startFailureCode(event.errno), ...said });
  return withChild(state, { phase: 'ended' });
}

function noChannel({ settings }: State, errno: string): string {
  return settings.ready?.kind === 'notify'
    ? `--ready notify: no Unix datagram socket can be made here: ${errno}; allow it (seccomp), or use another --ready`
    : `--ready notify-fd: no pipe can be made: ${errno}; raise the limit on open files`;
}

export function startAgain(state: State, child: In<'retrying'>, _event: unknown, turn: Turn): State {
  return start(state, child.attempt + 1, child, turn);
}

/** The wait after an exit of the child is over. */
export function backAgain(state: State, child: In<'waiting'>, _event: unknown, turn: Turn): State {
  return prepare(state, child.last, 'on-exit', turn);
}
