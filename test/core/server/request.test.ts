import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MOST_REQUEST, NOTHING_YET, type Taken, takeBytes } from '../../../src/core/server/request.ts';

/** Requests taken apart (RFC 9112), however they come. */

/** What is made of a request that comes in pieces of so many bytes. */
function taken(text: string, piece = text.length): Taken {
  let incoming = NOTHING_YET;
  for (let at = 0; at < text.length; at += piece) {
    const now = takeBytes(incoming, text.slice(at, at + piece));
    if (now.kind !== 'more') return now;
    incoming = now.incoming;
  }
  return { kind: 'more', incoming };
}

const request = (method: string, path: string, query = '') => ({
  kind: 'request',
  request: { method, path, query },
});
const refused = (code: number) => ({ kind: 'refused', code });

describe('a request', () => {
  test('is one whatever its pieces, its fields and its query', () => {
    const text = 'GET /status?pretty=1 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n';
    for (let piece = 1; piece <= text.length; piece++)
      expect(taken(text, piece)).toEqual(request('GET', '/status', 'pretty=1'));
  });

  test('may be HEAD, POST, HTTP/1.0, end its lines with LF alone, or name its target absolutely', () => {
    expect(taken('HEAD / HTTP/1.0\r\n\r\n')).toEqual(request('HEAD', '/'));
    expect(taken('POST /reload HTTP/1.1\nHost: x\n\n')).toEqual(request('POST', '/reload'));
    expect(taken('GET http://pod:9847/metrics HTTP/1.1\r\n\r\n')).toEqual(request('GET', '/metrics'));
    expect(taken('GET http://pod HTTP/1.1\r\n\r\n')).toEqual(request('GET', '/'));
  });

  test('may mix the ends of its lines, and come after empty ones (RFC 9112, 2.2)', () => {
    const text = '\r\n\nGET / HTTP/1.1\r\nHost: x\n\r\n';
    for (let piece = 1; piece <= text.length; piece++)
      expect(taken(text, piece)).toEqual(request('GET', '/'));
    expect(taken('\r\n'.repeat(MOST_REQUEST))).toMatchObject({ kind: 'more', incoming: { bytes: '' } });
  });

  test('that is none is refused with the code that says why', () => {
    for (const [text, code] of [
      ['DELETE / HTTP/1.1', 405],
      ['GET / HTTP/2.0', 505],
      ['GET  / HTTP/1.1', 400],
      ['GET /', 400],
      ['GET * HTTP/1.1', 400],
      ['\x16\x03\x01 TLS hello', 400],
      ['GET / HTTP/1.1 ', 400],
    ] as const)
      expect([text, taken(`${text}\r\n\r\n`)]).toEqual([text, refused(code)]);
  });

  test('of more than 8 KiB is refused as soon as that is known, and no more of it is kept', () => {
    const long = `GET / HTTP/1.1\r\nA: ${'x'.repeat(MOST_REQUEST)}`;
    expect(taken(long)).toEqual(refused(431));
    expect(taken(long, 100)).toEqual(refused(431));
    const most = `GET / HTTP/1.1\r\nA: ${'x'.repeat(MOST_REQUEST - 19)}`;
    expect(taken(`${most}\r\n\r\n`)).toEqual(request('GET', '/'));
  });
});

test('any bytes in any pieces give a request, a refusal, or wait within the bound', () => {
  const bytes = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  });
  const likely = fc.constantFrom('GET ', '/', ' HTTP/1.1', '\r\n', '\n', '\r\n\r\n', 'Host: a', ':', ' ');
  fc.assert(
    fc.property(fc.array(fc.oneof(likely, bytes), { maxLength: 60 }), (pieces) => {
      let incoming = NOTHING_YET;
      for (const [index, piece] of pieces.entries()) {
        const now = takeBytes(incoming, piece);
        if (now.kind === 'more') {
          incoming = now.incoming;
          expect(incoming.bytes.length).toBeLessThan(MOST_REQUEST + 4);
          expect(incoming.searched).toBeLessThanOrEqual(incoming.bytes.length);
          continue;
        }
        // The same bytes at once are the same.
        const whole = pieces.slice(0, index + 1).join('');
        if (now.kind === 'request') expect(takeBytes(NOTHING_YET, whole).kind).not.toBe('more');
        return;
      }
    }),
    { numRuns: process.env['REHUP_SOAK'] === '1' ? 100_000 : 5_000 },
  );
});

describe('a request that is well-formed', () => {
  /** Node's own parser: what it makes of requests, in their order. */
  const understood: { readonly method: string | undefined; readonly path: string; readonly query: string }[] =
    [];
  const server = createServer((asked, answer) => {
    const { pathname, search } = new URL(asked.url ?? '', 'http://pod');
    understood.push({ method: asked.method, path: pathname, query: search.slice(1) });
    answer.end();
  });
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  afterAll(() => server.close());

  async function reference(text: string): Promise<unknown> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () =>
      socket.end(text, 'latin1'),
    );
    await once(socket.resume(), 'close');
    return understood.pop();
  }

  const characters = (allowed: string) => fc.constantFrom(...allowed);
  const word = fc.string({ unit: characters("abcXYZ019-._~!$&'()*+,;=:@%20"), minLength: 1, maxLength: 12 });
  // What URL would resolve is left out: rehup's paths have no dots.
  const path = fc
    .array(
      word.filter((part) => !/^(?:\.|%2e)+$/i.test(part) && !part.includes('%')),
      { maxLength: 4 },
    )
    .map((parts) => `/${parts.join('/')}`);
  const query = fc.option(fc.string({ unit: characters('abc=&?/:@+') }), { nil: undefined });
  const authority = fc.constantFrom('', 'http://pod', 'http://127.0.0.1:9847', 'http://[::1]:9847');
  const field = fc.tuple(
    fc.string({ unit: characters('abcXYZ-_.'), minLength: 1, maxLength: 20 }).map((name) => `X-${name}`),
    fc.string({ unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)) }),
  );
  const wellFormed = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST'),
    target: fc
      .tuple(authority, path, query)
      .map(([host, place, rest]) => `${host}${place}${rest === undefined ? '' : `?${rest}`}`),
    fields: fc.array(field, { maxLength: 20 }),
    blank: fc.constantFrom('', '\r\n'),
    piece: fc.integer({ min: 1, max: 200 }),
  });

  test('is taken for what Node takes it for, in any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(wellFormed, async ({ method, target, fields, blank, piece }) => {
        const lines = [
          `${method} ${target} HTTP/1.1`,
          'Host: pod',
          'Connection: close',
          ...fields.map(([name, value]) => `${name}: ${value}`),
        ];
        const text = `${blank}${lines.join('\r\n')}\r\n\r\n`;
        const mine = taken(text, piece);
        expect(mine).toEqual({ kind: 'request', request: await reference(text) });
      }),
      { numRuns: process.env['REHUP_SOAK'] === '1' ? 50_000 : 300 },
    );
  });
});
