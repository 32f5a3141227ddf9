import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FileAnswer } from '../../../src/core/files/files.ts';
import { createAnswerReader } from '../../../src/core/jobs/answer.ts';
import { httpRequest } from '../../../src/core/jobs/http.ts';
import { readToken } from '../../../src/core/jobs/token.ts';
import { hostOf } from '../../../src/core/process/host.ts';
import { candidatesFor, readResolving } from '../../../src/core/text/resolv.ts';

/** What asking the server of a fleet is made of. */

/** What is made of an answer that comes in pieces of this size and then ends, or breaks. */
function answered(text: string, size: number, broken?: string) {
  const reader = createAnswerReader();
  for (let at = 0; at < text.length; at += size) {
    const decided = reader.take(text.slice(at, at + size));
    if (decided !== undefined) return { ...decided, early: true };
  }
  return { ...reader.end(broken), early: false };
}

describe('an answer', () => {
  const head = 'HTTP/1.1 423 Locked\r\nContent-Type: application/json\r\n';
  const chunked = 'Transfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n5;x=y\r\n yet.\r\n0\r\n\r\n';

  test('has its body, by its length, in chunks, or up to the end of the connection', () => {
    for (let size = 1; size < 200; size++) {
      expect(answered(`${head}Content-Length: 4\r\n\r\nfull and more`, size)).toMatchObject({
        status: 423,
        early: true,
        body: expect.stringMatching(/^full/),
      });
      expect(answered(head + chunked, size)).toMatchObject({ status: 423, body: 'not yet.', early: true });
      expect(answered(`${head}\r\nfull`, size)).toEqual({
        kind: 'answered',
        status: 423,
        body: 'full',
        early: false,
      });
      expect(answered(`HTTP/1.1 100 Continue\r\n\r\n${head}Content-Length: 1\r\n\r\nx`, size)).toMatchObject({
        status: 423,
        body: 'x',
      });
    }
  });

  test('of 200 is all that is to be known, and one that breaks off is told as far as it came', () => {
    expect(answered('HTTP/1.1 200 OK\r\n', 5)).toEqual({ kind: 'answered', status: 200, early: true });
    expect(answered(`${head}Content-Length: 9\r\n\r\nful`, 5, 'reset')).toMatchObject({
      status: 423,
      body: 'ful',
    });
    expect(answered('HTTP/1.1 4', 5, 'reset')).toMatchObject({ kind: 'failed', reason: 'reset' });
    expect(answered('SSH-2.0', 5)).toMatchObject({ kind: 'failed' });
  });

  test('that is many and never whole takes no time', () => {
    const many = `${'HTTP/1.1 100 C\r\n\r\n'.repeat(300)}HTTP/1.1 423 L\r\nA: b\r\n`;
    expect(answered(many, many.length)).toMatchObject({ status: 423, body: '' });
  });

  test('is bounded, whatever comes', () => {
    expect(answered(`${head}\r\n${'x'.repeat(100_000)}`, 1_000)).toMatchObject({ status: 423, early: true });
    const piece = fc.constantFrom(
      'HTTP/1.1 423\r\n',
      '\r\n',
      'Transfer-Encoding: chunked\r\n',
      'f\r\n',
      'x',
      '0\r\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 20 }), (pieces, size) => {
        const { kind } = answered(pieces.join(''), size);
        expect(['answered', 'failed']).toContain(kind);
      }),
    );
  });
});

test('a POST has its body, and what tells of it', () => {
  const endpoint = { host: 'lock', port: 80, text: '', authority: 'lock', resource: '/v1/pre-reboot' };
  expect(httpRequest('POST', endpoint, ['X: 1'], '{}')).toMatch(/\r\nContent-Length: 2\r\nX: 1\r\n\r\n\{\}$/);
});

/** The token that a file of this text holds; a number: what is read fails after so many pieces. */
function tokenIn(text: string, failsAt = Number.POSITIVE_INFINITY) {
  const steps = readToken('/token');
  let reads = 0;
  let closed = false;
  let next = steps.next();
  while (next.done !== true) {
    let answer: FileAnswer = { op: 'open', value: 3 };
    if (next.value.op === 'read') {
      answer = { op: 'read', value: text.slice(reads * 1_000, reads * 1_000 + 1_000) };
      if (reads >= failsAt) answer = { op: 'error', errno: 'EIO' };
      reads += 1;
    } else if (next.value.op === 'close') {
      closed = true;
      answer = { op: 'close', value: undefined };
    }
    next = steps.next(answer);
  }
  return { ...next.value, closed };
}

test('a token is one word of a file, which is closed', () => {
  expect(tokenIn('abc.def\n')).toEqual({ ok: true, value: 'abc.def', closed: true });
  for (const text of ['', ' \n', 'a b', 'a\r\nX: 1', 'a\0'])
    expect(tokenIn(text)).toEqual({
      ok: false,
      error: 'the token /token is empty, or more than one word',
      closed: true,
    });
  expect(tokenIn('a'.repeat(3_000), 1)).toEqual({
    ok: false,
    error: "the token /token can't be read (EIO)",
    closed: true,
  });
});

test('a name is looked for as resolv.conf says', () => {
  const plain = readResolving(
    'nameserver 10.0.0.10\n# search no\nsearch a.b svc.local\noptions ndots:5 timeout:1 x:1\n',
  );
  expect(plain).toEqual({ search: ['a.b', 'svc.local'], ndots: 5, timeout: 1_000, attempts: 2 });
  expect(candidatesFor('lock', plain)).toEqual(['lock.a.b', 'lock.svc.local', 'lock']);
  expect(candidatesFor('lock.', plain)).toEqual(['lock.']);
  expect(candidatesFor('a.b.c.d.e.f', plain)).toEqual(['a.b.c.d.e.f']);
  expect(readResolving('options timeout:9999 attempts:0 ndots:99\ndomain x\r\n')).toEqual({
    search: ['x'],
    ndots: 15,
    timeout: 60_000,
    attempts: 1,
  });
});

test('a host has a name of its own unless its namespace is that of the machine', () => {
  expect(hostOf('web-1\n', 'uts:[4026532758]')).toEqual({ host: 'web-1', ownName: true });
  expect(hostOf('node-7\n', 'uts:[4026531838]')).toEqual({ host: 'node-7', ownName: false });
  expect(hostOf(undefined, undefined)).toEqual({ host: '', ownName: true });
});
