import type { JobOutcome, Task } from '../state/job.ts';
import type { State } from '../state/state.ts';
import { textOfBytes } from '../text/bytes.ts';

/* The FleetLock protocol (coreos.github.io/zincati/development/fleetlock/protocol), as its public servers really answer. */

/** Where a slot is asked for, and given back. */
export type Request = 'pre-reboot' | 'steady-state';

/** So long an answer is waited for, a name looked up and a connection made, ms. */
export const PATIENCE = 10_000;

export function requestTask({ settings, identity }: State, request: Request): Task {
  const { fleet } = settings;
  if (fleet === undefined) throw new Error('internal error: a slot is asked for without --fleet-lock');
  const { endpoint, group, token } = fleet;
  const base = endpoint.resource.replace(/\/$/, '');
  return {
    kind: 'post',
    endpoint: { ...endpoint, resource: `${base}/v1/${request}` },
    fields: ['fleet-lock-protocol: true', 'Content-Type: application/json'],
    body: JSON.stringify({ client_params: { id: fleet.id ?? identity.host, group } }),
    token,
  };
}

export type Reply =
  | { readonly kind: 'yes' }
  /** What the server said, and whether it said so because all slots are taken. */
  | { readonly kind: 'no'; readonly text: string; readonly full: boolean }
  | { readonly kind: 'none'; readonly text: string };

/** Of what a server says so many characters are told. */
const MOST_TOLD = 200;

/** Exactly 200 is a yes: heathcliff26's answers 202 while the node is being drained. */
export function replyOf(outcome: JobOutcome): Reply {
  if (outcome.kind !== 'answered')
    return { kind: 'none', text: outcome.kind === 'failed' ? outcome.reason : outcome.kind };
  const { status, body = '' } = outcome;
  if (status === 200) return { kind: 'yes' };
  const value = valueIn(textOfBytes(body.trim())).slice(0, MOST_TOLD);
  return {
    kind: 'no',
    text: value === '' ? `answered ${status}` : `${value} (${status})`,
    full: status === 423,
  };
}

/** The `value` of an answer in JSON; all of any other. */
function valueIn(text: string): string {
  try {
    const answer: unknown = JSON.parse(text);
    if (
      typeof answer === 'object' &&
      answer !== null &&
      'value' in answer &&
      typeof answer.value === 'string'
    )
      return answer.value;
  } catch {
    // Text, or cut.
  }
  return text;
}
