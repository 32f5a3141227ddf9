import type { ExitStatus, SignalPurpose } from './event.ts';
import { describeStatus, exitCode } from './exit.ts';
import { requestLook } from './observation.ts';
import type { SignalTarget } from './settings.ts';
import { SIGINT, SIGQUIT, SIGTERM, type Signal, signalName } from './signals.ts';
import type { Child, State } from './state.ts';
import { log, type Turn } from './turn.ts';

/* What the parts of supervision share: who means what by a signal, and how the child is told. */

export type In<Phase extends Child['phase']> = Extract<Child, { phase: Phase }>;

export function withChild(state: State, child: Child): State {
  return { ...state, child };
}

export function end(state: State, turn: Turn, code: number, refusal?: string): State {
  turn.effects.push(refusal === undefined ? { type: 'exit', code } : { type: 'exit', code, refusal });
  return withChild(state, { phase: 'ended' });
}

export function meansStop(state: State, signal: Signal): boolean {
  return [SIGTERM, SIGINT, SIGQUIT, state.settings.stopSignal].includes(signal);
}

/** The signal that the child is sent for a stop that arrived: a TERM or INT becomes `--stop-signal` where that is given. */
export function translated(state: State, signal: Signal): Signal {
  const { translateStop, stopSignal } = state.settings;
  return translateStop && (signal === SIGTERM || signal === SIGINT) ? stopSignal : signal;
}

type Sending = { readonly signal: Signal; readonly purpose: SignalPurpose; readonly to: SignalTarget };

export function send(turn: Turn, pid: number, { signal, purpose, to }: Sending): void {
  turn.effects.push({
    type: 'signal',
    pid,
    signal,
    to,
    purpose,
    wake: purpose === 'stop',
    onlyIfCaught: false,
  });
}

/** Takes the child from nothing to the look that comes before each start. */
export function prepare(state: State, last: ExitStatus | undefined, turn: Turn): State {
  const { state: looking, look } = requestLook(state, turn);
  return withChild(looking, { phase: 'preparing', look, last });
}

export function logStop(turn: Turn, signal: Signal, what: string): void {
  const name = signalName(signal);
  log(turn, 'info', 'stop.requested', `${name}: ${what}`, { signal: name });
}

/** Without a child only a stop means anything: the next child starts with the present state. */
export function isDropped(state: State, signal: Signal, turn: Turn): boolean {
  if (meansStop(state, signal)) return false;
  const name = signalName(signal);
  log(turn, 'info', 'signal.dropped', `${name}: no child runs`, { signal: name });
  return true;
}

export function logExit(
  child: { readonly pid: number; readonly since: number },
  status: ExitStatus,
  turn: Turn,
): void {
  const ms = Math.round(turn.at - child.since);
  log(turn, 'info', 'child.exited', `child ${child.pid} ${describeStatus(status)}`, {
    pid: child.pid,
    code: exitCode(status),
    ms,
  });
}
