import type { JobOutcome } from '../state/job.ts';
import type { HttpEndpoint } from '../text/endpoint.ts';

/** What of HTTP/1.1 (RFC 9112) an action and a probe need: a request without a body, and the status of its answer. */

export function httpRequest(method: 'GET' | 'POST', { authority, resource }: HttpEndpoint): string {
  const lines = [
    `${method} ${resource} HTTP/1.1`,
    `Host: ${authority}`,
    'User-Agent: rehup',
    'Accept: */*',
    'Connection: close',
    // RFC 9110, 8.6: a POST without a body says so.
    ...(method === 'POST' ? ['Content-Length: 0'] : []),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** More than the status line and all interim answers before it take; who sends more is no HTTP server. */
const MOST_BYTES = 64 * 1024;

/** A status line, its end cut off: the reason and the space before it may be missing. */
const STATUS_LINE = /^HTTP\/1\.\d ([1-9]\d\d)(?: .*)?$/s;

/** Answers that another one follows: 1xx, but 101, after which it is no longer HTTP (RFC 9110, 15.2). */
const INTERIM = /^1(?!01)/;

/**
 * What an answer says as far as it has come; its first final status line decides.
 *
 * @param answer all that has come, a byte string
 * @param ended whether nothing more will come
 * @returns undefined if it is not decided yet
 */
export function readStatus(
  answer: string,
  ended: boolean,
): Extract<JobOutcome, { kind: 'answered' | 'failed' }> | undefined {
  let rest = answer;
  for (;;) {
    const [, line, behind = ''] = /^([^\n]*)\n(.*)$/s.exec(rest) ?? [];
    if (line === undefined) return undecided(rest, answer.length, ended);
    const status = STATUS_LINE.exec(line.replace(/\r$/, ''))?.[1];
    if (status === undefined) return NO_HTTP;
    if (!INTERIM.test(status)) return { kind: 'answered', status: Number(status) };
    // Header fields up to an empty line.
    const fields = /^(?:[^\r\n][^\n]*\n)*\r?\n/.exec(behind);
    if (fields === null) return undecided('', answer.length, ended);
    rest = behind.slice(fields[0].length);
  }
}

const NO_HTTP = { kind: 'failed', reason: 'what answers speaks no HTTP/1' } as const;

/** A status line that has not come wholly: it may be wrong already. */
function undecided(line: string, size: number, ended: boolean): typeof NO_HTTP | JobFailure | undefined {
  const start = 'HTTP/1.';
  if (!start.startsWith(line.slice(0, start.length)) || size > MOST_BYTES) return NO_HTTP;
  return ended ? { kind: 'failed', reason: 'closed without an answer' } : undefined;
}

type JobFailure = Extract<JobOutcome, { kind: 'failed' }>;
