import { bytesOfText } from '../text/bytes.ts';

/** An answer to a request (RFC 9112), before it is bytes. */
export type Response = {
  readonly code: number;
  readonly type: string;
  readonly body: string;
  /** Further fields. */
  readonly fields?: readonly string[];
};

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

/** A line of text for people. */
export function plain(code: number, text: string): Response {
  return { code, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}

/** That a status code says it all. */
export function refusal(code: number): Response {
  const response = plain(code, REASONS[code] ?? 'Error');
  return code === 405 ? { ...response, fields: ['Allow: GET, HEAD'] } : response;
}

/** The bytes of a response; one to HEAD has no body, but says how long that would be. */
export function bytesOfResponse({ code, type, body, fields = [] }: Response, head: boolean): string {
  const bytes = bytesOfText(body);
  const lines = [
    `HTTP/1.1 ${code} ${REASONS[code] ?? 'Error'}`,
    `Content-Type: ${type}`,
    `Content-Length: ${bytes.length}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    ...fields,
    'Connection: close',
  ];
  return `${lines.join('\r\n')}\r\n\r\n${head ? '' : bytes}`;
}
