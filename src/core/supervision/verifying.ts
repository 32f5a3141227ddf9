import type { State } from '../state/state.ts';
import type { Turn } from '../state/turn.ts';
import { type In, withChild } from './child.ts';

/* When the start of a child is known to have done well. */

export type Verification = 'stayed' | 'ready' | 'not-ready';

/** A start is verified once the child has stayed up and serves; if it does not serve in its time, that is over. */
export function verified(child: In<'running'>, what: Verification, state: State, turn: Turn): In<'running'> {
  const now = what === 'stayed' ? { ...child, stayed: true } : child;
  if (now.verified) return now;
  if (what === 'not-ready') {
    turn.notices.push({ type: 'child-unverified' });
    return { ...now, verified: true };
  }
  const serves = what === 'ready' || state.readiness.phase === 'ready';
  if (!now.stayed || !serves) return now;
  turn.notices.push({ type: 'child-verified' });
  return { ...now, verified: true };
}

export function verifying(what: Verification) {
  return (state: State, child: In<'running'>, _event: unknown, turn: Turn): State =>
    withChild(state, verified(child, what, state, turn));
}
