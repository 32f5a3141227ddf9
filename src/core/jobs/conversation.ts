import type { FileSteps } from '../files/files.ts';
import type { JobOutcome } from '../state/job.ts';
import type { Connection, Names, Network } from '../state/ports.ts';
import { textOfBytes } from '../text/bytes.ts';
import type { Endpoint } from '../text/endpoint.ts';
import { addressesOf, MOST_ADDRESSES } from './hosts.ts';
import { createStatusReader, type StatusReader } from './http.ts';

/** Leads an algorithm over files to its end, and tells what came of it. */
export type Drive = <Value>(steps: FileSteps<Value>, told: (value: Value) => void) => void;

export type ConversationPorts = {
  readonly network: Network;
  readonly names: Names;
  readonly drive: Drive;
};

/**
 * Connects to an endpoint, by the first of its addresses that takes a connection, and sends the request and waits for
 * the status line if there is a request. A connection that was made and fails then is final: what it was for may have
 * been done already.
 *
 * @param answer reads what is answered
 * @param told is called once, perhaps before this returns, with `connected`, `answered` or `failed`
 * @returns what ends it; nothing is told afterwards
 */
export function converse(
  { network, names, drive }: ConversationPorts,
  { host, port }: Endpoint,
  request: string | undefined,
  told: (outcome: JobOutcome) => void,
  answer: StatusReader = createStatusReader(),
): () => void {
  let over = false;
  let connection: Connection | undefined;
  let endLookUp: (() => void) | undefined;

  function end(outcome: JobOutcome): void {
    over = true;
    connection?.close();
    told(outcome);
  }

  /** Tries the addresses from the one at `index` on. */
  function connect(addresses: readonly string[], index: number, refusals: Refusal[]): void {
    const address = addresses[index];
    if (address === undefined) {
      end({ kind: 'failed', reason: reasonOf(refusals) });
      return;
    }
    let connected = false;

    function tell(reading: ReturnType<StatusReader['take']>): void {
      if (reading !== undefined) end(reading);
    }

    const made = network.connect(address, port, {
      connected() {
        connected = true;
        if (request === undefined) end({ kind: 'connected' });
        else made.send(request);
      },
      received: (bytes) => tell(answer.take(bytes)),
      ended: () => tell(answer.end()),
      failed(errno) {
        connection = undefined;
        if (connected) end(answer.end(connectionReason(errno)));
        else {
          refusals.push({ address, reason: connectionReason(errno) });
          connect(addresses, index + 1, refusals);
        }
      },
    });
    connection = made;
  }

  drive(addressesOf(host), (addresses) => {
    if (over) return;
    if (addresses.length > 0) {
      connect(addresses, 0, []);
      return;
    }
    endLookUp = names.lookUp(host, (found) => {
      if (over) return;
      if (found.ok) connect(found.value.slice(0, MOST_ADDRESSES), 0, []);
      else end({ kind: 'failed', reason: `${textOfBytes(host)} is not in /etc/hosts, and ${found.error}` });
    });
  });
  return () => {
    over = true;
    endLookUp?.();
    connection?.close();
  };
}

type Refusal = { readonly address: string; readonly reason: string };

/** One reason if all addresses failed alike, else each with its address. */
function reasonOf(refusals: readonly Refusal[]): string {
  const reasons = new Set(refusals.map(({ reason }) => reason));
  if (reasons.size === 1) return [...reasons].join();
  return refusals.map(({ address, reason }) => `${address}: ${reason}`).join(', ');
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EHOSTUNREACH: 'no route',
  ENETUNREACH: 'no route',
  EADDRNOTAVAIL: 'no such address here',
  EAFNOSUPPORT: 'no such address here',
  ETIMEDOUT: 'no answer',
};

/** Why a connection failed, in words and with the errno. */
function connectionReason(errno: string): string {
  const reason = REASONS[errno];
  return reason === undefined ? errno : `${reason} (${errno})`;
}
