import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FileAnswer } from '../../../src/core/files/files.ts';
import { addressesOf } from '../../../src/core/jobs/hosts.ts';
import { createStatusReader, httpRequest } from '../../../src/core/jobs/http.ts';
import { isIpAddress } from '../../../src/core/text/address.ts';

/** What actions and probes over the network are made of. */

test('a POST says that it has no body', () => {
  const endpoint = { host: '::1', port: 80, text: '', authority: '[::1]', resource: '/-/reload?x' };
  expect(httpRequest('POST', endpoint)).toBe(
    'POST /-/reload?x HTTP/1.1\r\nHost: [::1]\r\nUser-Agent: rehup\r\nAccept: */*\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
  );
  expect(httpRequest('GET', endpoint)).not.toContain('Content-Length');
});

/** What an answer means that comes in pieces of this size; undefined if it is not decided. */
function meaning(answer: string, size: number, ended = false): number | string | undefined {
  const reader = createStatusReader();
  for (let at = 0; at < answer.length; at += size) {
    const decided = reader.take(answer.slice(at, at + size));
    if (decided !== undefined) return decided.kind === 'answered' ? decided.status : decided.reason;
  }
  const last = ended ? reader.end() : undefined;
  return last?.kind === 'failed' ? last.reason : last?.status;
}

describe('an answer', () => {
  const answers: Readonly<Record<string, number | string>> = {
    'HTTP/1.1 200 OK\r\n': 200,
    'HTTP/1.0 404\n': 404,
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 500 \xff\r\n': 500,
    'HTTP/1.1 101 Switching Protocols\r\n': 101,
    'SSH-2.0-OpenSSH': 'what answers speaks no HTTP/1',
    'HTTP/2 200\r\n': 'what answers speaks no HTTP/1',
    'HTTP/1.1 20x\r\n': 'what answers speaks no HTTP/1',
    'HTTP/1.1 100\n\nSSH': 'what answers speaks no HTTP/1',
  };
  for (const [answer, meant] of Object.entries(answers)) {
    test(`${JSON.stringify(answer)} means ${meant}, however it is cut`, () => {
      for (let size = 1; size <= answer.length; size++) expect(meaning(answer, size)).toBe(meant);
    });
  }

  test('that ends before a status is none, and one without an end is no HTTP', () => {
    for (const part of ['', 'HTTP/1.1 20', 'HTTP/1.1 100 Continue\r\n\r\n']) {
      expect(meaning(part, 3)).toBeUndefined();
      expect(meaning(part, 3, true)).toBe('closed without an answer');
    }
    const endless = ['HTTP/1.1 200 ', 'HTTP/1.1 100 \n', 'HTTP/1.1 100 \nx: y\n', 'HTTP/1.1 100 \n\n'];
    for (const start of endless) {
      for (const size of [1, 16_384]) {
        const more = start.endsWith('\n\n') ? start.repeat(5_000) : `${start}${'x'.repeat(65_536)}`;
        expect(meaning(more, size)).toBe('what answers speaks no HTTP/1');
      }
    }
  });
});

describe('a file of hosts', () => {
  /** The addresses of a host where /etc/hosts is this text, and how often others could go on while it was read. */
  function lookUp(text: string, host: string) {
    const steps = addressesOf(host);
    let pauses = 0;
    let at = 0;
    let answer: FileAnswer = { op: 'pause' };
    for (let next = steps.next(); ; next = steps.next(answer)) {
      if (next.done === true) return { addresses: next.value, pauses };
      const { op } = next.value;
      if (op === 'open') answer = { op, value: 3 };
      else if (op === 'read') {
        answer = { op, value: text.slice(at, at + 65_536) };
        at += 65_536;
      } else if (op === 'close') answer = { op, value: undefined };
      else pauses += 1;
    }
  }

  const text =
    '127.0.0.1\tlocalhost LocalHost.x # app\n# 10.0.0.9 app\n10.0.0.1 App\n::1 app\n10.0.0.1 app\nno app\n1.2.3.4 last';

  test('has the addresses of a name in order, each once', () => {
    expect(lookUp(text, 'app').addresses).toEqual(['10.0.0.1', '::1']);
    expect(lookUp(text, 'localhost.X').addresses).toEqual(['127.0.0.1']);
    expect(lookUp(text, 'last').addresses).toEqual(['1.2.3.4']);
    // DNS is to be asked, but for one that nobody else is to know.
    expect(lookUp(text, 'other').addresses).toEqual([]);
    expect(lookUp('', 'LocalHost').addresses).toEqual(['127.0.0.1', '::1']);
  });

  test('that is long is read with pauses, and of many addresses the first are taken', () => {
    const newlines = lookUp('\n'.repeat(1024 * 1024), 'app');
    expect(newlines.addresses).toEqual([]);
    expect(newlines.pauses).toBeGreaterThan(8_000);
    const many = Array.from(
      { length: 43_000 },
      (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255} app`,
    );
    const found = lookUp(many.join('\n'), 'app');
    expect(found.addresses).toEqual(many.slice(0, 32).map((line) => line.split(' ')[0]));
    expect(found.pauses).toBeGreaterThan(300);
    // A line without an end is cut, and what stands behind 1 MiB is not read.
    expect(lookUp(`1.2.3.4 ${'x '.repeat(600_000)}app`, 'app').addresses).toEqual([]);
  });
});

test('an address is what the system takes for one', () => {
  const likely = fc.array(fc.constantFrom('::', ':', '.', '0', '1', '255', '256', 'f', 'abcd', '1.2.3.4'), {
    maxLength: 16,
  });
  const texts = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    likely.map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(texts, (address) => {
      expect(isIpAddress(address)).toBe(isIPv4(address) || isIPv6(address));
    }),
    { numRuns: 2_000 },
  );
});
