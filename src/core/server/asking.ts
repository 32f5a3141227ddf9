import type { Status } from '../report/status.ts';
import { summaryOf } from '../report/summary.ts';
import { type Answer, ask, type ClientPorts } from './client.ts';

/* What `rehup status` and `rehup reload` print, and end with (specification 5 and 6). */

export type Asking = {
  readonly command: 'status' | 'reload';
  readonly json: boolean;
  readonly socket: string | undefined;
  readonly timeout: number | undefined;
  /** Whether a reload does without a slot of the fleet. */
  readonly unlocked: boolean;
  readonly colours: boolean;
};

export type Printed = { readonly code: number; readonly out: string; readonly error: string | undefined };

/** Nobody answers. */
const EXIT_NOBODY = 2;

/** `rehup status` waits no longer than this, ms: the answer is there at once. */
const STATUS_LIMIT = 5_000;

/** Asks the running rehup; the function that it returns is for when the time is over. */
export function performAsking(
  ports: ClientPorts,
  asking: Asking,
  uid: number,
  told: (printed: Printed) => void,
): () => void {
  const { command, socket } = asking;
  const question =
    command === 'status'
      ? ({ method: 'GET', path: '/status', socket, timeout: STATUS_LIMIT, uid } as const)
      : ({
          method: 'POST',
          path: asking.unlocked ? '/reload?no-fleet-lock' : '/reload',
          socket,
          timeout: asking.timeout,
          uid,
        } as const);
  return ask(ports, question, (answer) => told(printedOf(asking, answer)));
}

function printedOf({ command, json, colours }: Asking, answer: Answer): Printed {
  if (answer.kind === 'failed') return { code: EXIT_NOBODY, out: '', error: answer.reason };
  const { code, body } = answer;
  const value = parsed(body);
  if (command === 'status') {
    if (code !== 200 || value === undefined) return { code: EXIT_NOBODY, out: '', error: `answered ${code}` };
    return { code: 0, out: json ? body : summaryOf(value as Status, colours), error: undefined };
  }
  const { reload, outcome, reason } = (value ?? {}) as Partial<
    Readonly<{ reload: number; outcome: string; reason: string }>
  >;
  if (typeof outcome !== 'string') return { code: 1, out: '', error: reason ?? `answered ${code}` };
  const why = typeof reason === 'string' ? `: ${reason}` : '';
  return {
    code: outcome === 'applied' ? 0 : 1,
    out: `reload ${reload} ${outcome}${why}\n`,
    error: undefined,
  };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
