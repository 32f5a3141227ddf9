import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { ApiError, type Client, createClient } from '../../../src/controller/host/client.ts';
import { OPENSSL } from '../../support/machine.ts';
import { needing } from '../../support/needing.ts';

/** Requests to an API server that answers as none should, or what stands before it does. */

const test = needing(OPENSSL);

/** How long it is waited for, where a test is not about that, ms. */
const PATIENCE = { answer: 60_000, first: 60_000, watch: 60_000 };

const QPS = 50;

type Answering = (request: IncomingMessage, answer: ServerResponse) => void;

let folder: string;
let kubeconfig: string;
let server: Server;
let client: Client;
let answering: Answering;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rehup-client-'));
  kubeconfig = join(folder, 'kubeconfig');
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
  ];
  const names = ['-subj', '/CN=api', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...words, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, answer) =>
    answering(request, answer),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [
        { name: 'c', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': cert } },
      ],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
  client = createClient(kubeconfig, QPS, PATIENCE);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error) => (error instanceof ApiError ? error.message : error),
  );

const never = new AbortController().signal;

const PAGE = '<html>Please log in</html>\n';

test('a page for people in place of an answer is told, and nothing ends', async () => {
  answering = (_, answer) => void answer.end(PAGE);
  const told = 'the answer is no JSON: is it the API server that answers?';
  expect(await failure(client.call('GET', '/things'))).toBe(`GET /things: ${told}`);
  expect(await failure(client.watch('/things', () => {}, never))).toBe(`watching /things: ${told}`);
});

test('a line without an end is no event of a watch, and no end of it', async () => {
  answering = (_, answer) => void answer.end('<html>');
  expect(await failure(client.watch('/things', () => {}, never))).toMatch(/no JSON/);
});

test('what was told before the rest of a watch is no JSON counts', async () => {
  answering = (_, answer) => {
    answer.write('{"one":1}\n{"two"');
    setTimeout(() => answer.end(`:2}\n${PAGE}{"three":3}\n`), 50);
  };
  const events: unknown[] = [];
  expect(await failure(client.watch('/things', (event) => void events.push(event), never))).toMatch(
    /no JSON/,
  );
  expect(events).toEqual([{ one: 1 }, { two: 2 }]);
});

test('an answer without an end is given up, and is not kept', async () => {
  let written = 0;
  const part = Buffer.alloc(1024 * 1024, 'x');
  answering = (_, answer) => {
    const more = (): void => {
      if (answer.destroyed) return;
      written += part.length;
      answer.write(part, () => setImmediate(more));
    };
    more();
  };
  expect(await failure(client.call('GET', '/things'))).toBe('GET /things: an answer of more than 64 MiB');
  expect(await failure(client.watch('/things', () => {}, never))).toBe(
    'watching /things: an answer of more than 64 MiB',
  );
  expect(written).toBeLessThan(400 * part.length);
});

test('a watch that falls silent, and does not end, is given up', async () => {
  answering = (_, answer) => void answer.write('{"one":1}\n');
  const hasty = createClient(kubeconfig, QPS, { ...PATIENCE, watch: 3000 });
  const events: unknown[] = [];
  expect(await failure(hasty.watch('/things', (event) => void events.push(event), never))).toBe(
    'watching /things: silent for 3 s',
  );
  expect(events).toEqual([{ one: 1 }]);
});

test('the Lease waits neither for the turns of others nor for their connections', async () => {
  const held: ServerResponse[] = [];
  answering = ({ url }, answer) => {
    if (url === '/lease') answer.end('{"is":"ours"}');
    else held.push(answer);
  };
  // More than have their turn while this test may last, which leaves them.
  for (let count = 0; count < 100 * QPS; count += 1) void failure(client.call('GET', '/others'));
  await vi.waitFor(() => expect(held).toHaveLength(8), PATIENCE.answer);
  expect(client.waiting()).toBeGreaterThan(0);
  expect(await client.call('PUT', '/lease', { body: {}, isFirst: true })).toEqual({ is: 'ours' });
  expect(held).toHaveLength(8);
});

test('a connection that is dead costs the Lease one try: the next has one of its own', async () => {
  answering = () => {};
  const hasty = createClient(kubeconfig, QPS, { ...PATIENCE, first: 3000 });
  const write = () => hasty.call('PUT', '/lease', { body: {}, isFirst: true });
  expect(await failure(write())).toBe('PUT /lease: no answer within 3 s');
  answering = (_, answer) => void answer.end('{}');
  expect(await write()).toEqual({});
});
