import { SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, type Signal } from '../process/signals.ts';
import type { State } from '../state/state.ts';
import type { EventOf, Turn } from '../state/turn.ts';
import type { In } from './child.ts';

/* A terminal that stops its jobs, and goes on with them. */

/** The signals by which a terminal stops its jobs. */
const JOB_CONTROL: readonly Signal[] = [SIGTSTP, SIGTTIN, SIGTTOU];

/** A signal that stops a job is rehup's as well, whatever it is rewritten to. */
export function forwardedJobControl(state: State, pid: number, arrived: Signal, turn: Turn): State {
  if (arrived === SIGCONT) return { ...state, stoppedFromOutside: false };
  if (!JOB_CONTROL.includes(arrived)) return state;
  if (!state.terminal || state.pid1) return { ...state, stoppedFromOutside: true };
  turn.effects.push({ type: 'suspend', pid, whom: 'self', goOn: false });
  return state;
}

/**
 * The terminal has stopped the child, whose group holds it, and knows nothing of rehup: rehup stops with it, so that the
 * shell that waits for rehup goes on. Where there is none, as for PID 1, a Ctrl-Z would be the end of everything, so the child goes
 * on. Nobody but the terminal's user is in for that: what somebody else has stopped by a STOP stays so.
 */
export function childStopped(
  state: State,
  { pid }: In<'running' | 'stopping' | 'quitting' | 'terminating'>,
  { signal }: EventOf<'child-stopped'>,
  turn: Turn,
): State {
  const byTerminal = JOB_CONTROL.includes(signal);
  if (!state.terminal || state.stoppedFromOutside || !(byTerminal || signal === SIGSTOP)) return state;
  turn.effects.push({ type: 'suspend', pid, whom: 'group', goOn: signal === SIGTSTP });
  return state;
}
