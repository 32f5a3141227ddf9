import type { JobOutcome } from '../state/job.ts';
import type { HttpEndpoint } from '../text/endpoint.ts';
import { createLineReader } from '../text/lines.ts';

/** What of HTTP/1.1 (RFC 9112) an action and a probe need: a request, and the status of its answer. */

/** @param fields header fields besides; with `body` one that tells its type should be among them */
export function httpRequest(
  method: 'GET' | 'POST',
  { authority, resource }: HttpEndpoint,
  fields: readonly string[] = [],
  body = '',
): string {
  const lines = [
    `${method} ${resource} HTTP/1.1`,
    `Host: ${authority}`,
    'User-Agent: rehup',
    'Accept: */*',
    'Connection: close',
    // RFC 9110, 8.6: a POST without a body says so.
    ...(method === 'POST' ? [`Content-Length: ${body.length}`] : []),
    ...fields,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** More than the status line and all interim answers before it take; who sends more is no HTTP server. */
const MOST_BYTES = 64 * 1024;

/** A status line, its end cut off: the reason and the space before it may be missing. */
const STATUS_LINE = /^HTTP\/1\.\d ([1-9]\d\d)(?: |$)/;

/** What every answer begins with. */
const START = 'HTTP/1.';

/** Reads what a server answers as it comes; its first final status line decides, and nothing after that matters. */
export type StatusReader = {
  /** Some bytes, a byte string; answers undefined as long as it is not decided. */
  take(bytes: string): Decided | undefined;
  /** Nothing more will come; why, where that was no orderly end. */
  end(broken?: string): Decided;
};

export type Decided = Extract<JobOutcome, { kind: 'answered' | 'failed' }>;

const NO_HTTP = { kind: 'failed', reason: 'what answers speaks no HTTP/1' } as const;

export function createStatusReader(): StatusReader {
  const lines = createLineReader(MOST_BYTES);
  let size = 0;
  let inFields = false;
  let begun = false;

  /** The header fields of an interim answer are passed over, up to the empty line that ends them. */
  function takeLine(line: string): Decided | undefined {
    begun = false;
    if (inFields) {
      inFields = line !== '' && line !== '\r';
      return undefined;
    }
    const status = STATUS_LINE.exec(line.endsWith('\r') ? line.slice(0, -1) : line)?.[1];
    if (status === undefined) return NO_HTTP;
    inFields = isInterim(status);
    return inFields ? undefined : { kind: 'answered', status: Number(status) };
  }

  return {
    take(bytes) {
      size += bytes.length;
      for (const line of lines.take(bytes)) {
        const decided = takeLine(line);
        if (decided !== undefined) return decided;
      }
      if (size > MOST_BYTES) return NO_HTTP;
      if (inFields || begun) return undefined;
      // A status line that has not come wholly may be wrong already; its beginning is looked at until it is there.
      const start = lines.rest().slice(0, START.length);
      begun = start === START;
      return START.startsWith(start) ? undefined : NO_HTTP;
    },
    end: (broken = 'closed without an answer') => ({ kind: 'failed', reason: broken }),
  };
}

/** Answers that another one follows: 1xx, but 101, after which it is no longer HTTP (RFC 9110, 15.2). */
function isInterim(status: string): boolean {
  return status.startsWith('1') && status !== '101';
}
