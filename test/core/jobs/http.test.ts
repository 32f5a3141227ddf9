import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressesIn } from '../../../src/core/jobs/hosts.ts';
import { httpRequest, readStatus } from '../../../src/core/jobs/http.ts';
import { isIpAddress } from '../../../src/core/text/address.ts';

/** What actions and probes over the network are made of. */

test('a POST says that it has no body', () => {
  const endpoint = { host: '::1', port: 80, text: '', authority: '[::1]', resource: '/-/reload?x' };
  expect(httpRequest('POST', endpoint)).toBe(
    'POST /-/reload?x HTTP/1.1\r\nHost: [::1]\r\nUser-Agent: rehup\r\nAccept: */*\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
  );
  expect(httpRequest('GET', endpoint)).not.toContain('Content-Length');
});

describe('an answer', () => {
  const answers: Readonly<Record<string, number | string>> = {
    'HTTP/1.1 200 OK\r\n': 200,
    'HTTP/1.0 404\n': 404,
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 500 \xff\r\n': 500,
    'HTTP/1.1 101 Switching Protocols\r\n': 101,
    'SSH-2.0-OpenSSH': 'what answers speaks no HTTP/1',
    'HTTP/2 200\r\n': 'what answers speaks no HTTP/1',
    'HTTP/1.1 20x\r\n': 'what answers speaks no HTTP/1',
  };
  for (const [answer, meaning] of Object.entries(answers)) {
    test(`${JSON.stringify(answer)} means ${meaning}, however it is cut`, () => {
      const decided = Array.from({ length: answer.length }, (_, end) =>
        readStatus(answer.slice(0, end + 1), false),
      );
      const said = decided.find((reading) => reading !== undefined);
      expect(said?.kind === 'answered' ? said.status : said?.reason).toBe(meaning);
      // Once decided it stays so.
      for (const reading of decided.slice(decided.indexOf(said))) expect(reading).toEqual(said);
    });
  }

  test('that ends before a status is none, and one without an end is no HTTP', () => {
    for (const part of ['', 'HTTP/1.1 20', 'HTTP/1.1 100 Continue\r\n\r\n']) {
      expect(readStatus(part, false)).toBeUndefined();
      expect(readStatus(part, true)?.kind).toBe('failed');
    }
    expect(readStatus(`HTTP/1.1 200 ${'x'.repeat(65_536)}`, false)?.kind).toBe('failed');
  });
});

describe('a file of hosts', () => {
  const text =
    '127.0.0.1\tlocalhost LocalHost.x # app\n# 10.0.0.9 app\n10.0.0.1 App\n::1 app\n10.0.0.1 app\nno app\n';

  test('has the addresses of a name in order, each once', () => {
    expect(addressesIn(text, 'app')).toEqual(['10.0.0.1', '::1']);
    expect(addressesIn(text, 'localhost.X')).toEqual(['127.0.0.1']);
    expect(addressesIn(text, 'other')).toEqual([]);
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
