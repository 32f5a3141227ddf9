import { requestLook } from '../observation/observation.ts';
import type { ExitStatus } from '../process/exit.ts';
import { describeStatus, exitCode } from '../process/exit.ts';
import { type Signal, signalName } from '../process/signals.ts';
import type { Child } from '../state/child.ts';
import type { SignalPurpose } from '../state/event.ts';
import type { StartReason } from '../state/record.ts';
import type { SignalTarget } from '../state/settings.ts';
import type { State } from '../state/state.ts';
import { log, type Turn } from '../state/turn.ts';
import { part } from './parting.ts';

/* What the parts of supervision share. */

export type In<Phase extends Child['phase']> = Extract<Child, { phase: Phase }>;

export function withChild(state: State, child: Child): State {
  return { ...state, child };
}

export function end(state: State, turn: Turn, code: number, refusal?: string): State {
  if (refusal === undefined) return part(state, turn, code);
  turn.effects.push({ type: 'exit', code, refusal });
  return withChild(state, { phase: 'ended' });
}

/** Ends with the code of the child, or what `--map-exit` makes of it. */
export function endAs(state: State, turn: Turn, status: ExitStatus): State {
  const code = exitCode(status);
  return end(state, turn, state.settings.exitMap.get(code) ?? code);
}

type Sending = { readonly signal: Signal; readonly purpose: SignalPurpose; readonly to: SignalTarget };

export function send(turn: Turn, pid: number, { signal, purpose, to }: Sending): void {
  const wake = purpose === 'stop';
  turn.effects.push({
    type: 'signal',
    pid,
    signal,
    to,
    purpose,
    wake,
    onlyIf: undefined,
    childEnded: false,
  });
}

/** Signals what a child that has ended leaves of its group. */
export function sendToRest(turn: Turn, pid: number, signal: Signal, purpose: 'stop' | 'kill'): void {
  const wake = purpose === 'stop';
  turn.effects.push({
    type: 'signal',
    pid,
    signal,
    to: 'group',
    purpose,
    wake,
    onlyIf: undefined,
    childEnded: true,
  });
}

/** Takes the child from nothing to the look that comes before each start. */
export function prepare(state: State, last: ExitStatus | undefined, why: StartReason, turn: Turn): State {
  const { state: looking, look } = requestLook(state, turn);
  return withChild(looking, { phase: 'preparing', look, asked: false, last, why });
}

export function logStop(turn: Turn, signal: Signal, what: string): void {
  const name = signalName(signal);
  log(turn, 'info', 'stop.requested', `${name}: ${what}`, { signal: name });
}

/** Without a child only a stop means anything: the next child starts with the present state. */
export function logDropped(turn: Turn, signal: Signal, why: string): void {
  const name = signalName(signal);
  log(turn, 'info', 'signal.dropped', `${name}: ${why}`, { signal: name });
}

/** How a child ended, and whether it was `asked` to: an end that nobody asked for is a warning unless all is well with it. */
export function logExit(
  child: { readonly pid: number; readonly since: number },
  status: ExitStatus,
  asked: boolean,
  turn: Turn,
): void {
  const level = asked || exitCode(status) === 0 ? 'info' : 'warn';
  log(turn, level, 'child.exited', `child ${child.pid} ${describeStatus(status)}`, {
    pid: child.pid,
    ...(status.kind === 'code' ? { code: status.code } : { signal: signalName(status.signal) }),
    asked,
    ms: Math.round(turn.at - child.since),
  });
}
