import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHttp, parseTcp } from '../../../src/core/text/endpoint.ts';

/** Specification 3: addresses of `http://` actions and of `--ready`, judged by their words alone. */

describe('http://', () => {
  test.each([
    ['http://localhost', 'localhost', 80, 'localhost', '/'],
    ['http://localhost/', 'localhost', 80, 'localhost', '/'],
    ['http://127.0.0.1:9090/-/reload', '127.0.0.1', 9090, '127.0.0.1:9090', '/-/reload'],
    ['http://[::1]:8080/a?b=c/d', '::1', 8080, '[::1]:8080', '/a?b=c/d'],
    ['http://[::ffff:10.0.0.1]', '::ffff:10.0.0.1', 80, '[::ffff:10.0.0.1]', '/'],
    ['http://app_1.local.?x=http://y', 'app_1.local.', 80, 'app_1.local.', '/?x=http://y'],
    ['http://4all/%20', '4all', 80, '4all', '/%20'],
    ['http://a:65535//b/..', 'a', 65_535, 'a:65535', '//b/..'],
  ])('%s', (text, host, port, authority, resource) => {
    expect(parseHttp(text)).toEqual({ ok: true, value: { host, port, text, authority, resource } });
  });

  const EXAMPLE = 'use for example http://127.0.0.1:8080/reload';
  const HOST = `its host is neither an address nor a name; ${EXAMPLE}`;
  const PORT = 'its port is not a number from 1 to 65535';
  const BRACKETS = 'not HOST or HOST:PORT; an IPv6 address needs brackets: [::1]:8080';
  const PATH = 'a space, a control character or a byte beyond ASCII in the path; write it as %20 or the like';

  test.each([
    ['https://a/', /^TLS is not rehup's job; use http:/],
    ['ftp://a', `not http://HOST[:PORT][/PATH]; ${EXAMPLE}`],
    ['http:/a', `not http://HOST[:PORT][/PATH]; ${EXAMPLE}`],
    ['http://', `its host is empty; ${EXAMPLE}`],
    ['http:///x', `its host is empty; ${EXAMPLE}`],
    ['http://:80', `its host is empty; ${EXAMPLE}`],
    ['http://[]/', `its host is empty; ${EXAMPLE}`],
    ['http://user:pw@a/', `a user name is not sent; ${EXAMPLE}`],
    ['http://::1/', BRACKETS],
    ['http://a:', PORT],
    ['http://a:0/', PORT],
    ['http://a:65536/', PORT],
    ['http://a:+1/', PORT],
    ['http://a:80 /', PORT],
    ['http://a:80:81/', BRACKETS],
    ['http://a b/', HOST],
    ['http://a\r\nX: y/', HOST],
    ['http://a\r\n/', HOST],
    ['http://a\n', HOST],
    ['http://a..b/', HOST],
    ['http://.a/', HOST],
    ['http://a%2e/', HOST],
    ['http://caf\xe9/', HOST],
    ['http://1.2.3/', HOST],
    ['http://1.2.3.256/', HOST],
    ['http://127.0.0.01/', HOST],
    ['http://2130706433/', HOST],
    [`http://${'a'.repeat(254)}/`, HOST],
    ['http://[::1]x/', BRACKETS],
    ['http://[fe80::1%eth0]/', HOST],
    ['http://[1:2:3:4:5:6:7]/', HOST],
    ['http://[1::2::3]/', HOST],
    ['http://[1:2:3:4:5:6:7:8::]/', HOST],
    ['http://[12345::]/', HOST],
    ['http://[:::]/', HOST],
    ['http://[::1.2.3]/', HOST],
    ['http://[localhost]/', HOST],
    ['http://a/#b', 'a server is never sent what follows a #; leave it out'],
    ['http://a#b', 'a server is never sent what follows a #; leave it out'],
    ['http://a/b c', PATH],
    ['http://a/ HTTP/1.1\r\nX: y', PATH],
    ['http://a/\n', PATH],
    ['http://a/\0', PATH],
    ['http://a/\x7f', PATH],
    ['http://a/\xe9', PATH],
  ])('%j is refused', (text, error) => {
    expect(parseHttp(text)).toEqual({
      ok: false,
      error: typeof error === 'string' ? error : expect.stringMatching(error),
    });
  });

  test('that is taken holds nothing that could end a line of the request', () => {
    const bytes = fc.string({ unit: fc.constantFrom(...'a1.:/?[]@# \r\n\t\0\x7f\x85\xa0%') });
    fc.assert(
      fc.property(bytes, (rest) => {
        const endpoint = parseHttp(`http://a${rest}`);
        if (endpoint.ok) expect(`${endpoint.value.authority}${endpoint.value.resource}`).toMatch(/^[!-~]+$/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('tcp://', () => {
  test.each([
    ['tcp://localhost:5432', 'localhost', 5432],
    ['tcp://[fe80::1]:1', 'fe80::1', 1],
    ['tcp://10.0.0.255:80', '10.0.0.255', 80],
  ])('%s', (text, host, port) => {
    expect(parseTcp(text)).toEqual({ ok: true, value: { host, port, text } });
  });

  const EXAMPLE = 'use for example tcp://127.0.0.1:5432';
  test.each([
    ['tcp://a', `its port is missing; ${EXAMPLE}`],
    ['tcp://a:1/', `more than tcp://HOST:PORT; ${EXAMPLE}`],
    ['tcp://a:1?x', `more than tcp://HOST:PORT; ${EXAMPLE}`],
    ['tcp://:1', `its host is empty; ${EXAMPLE}`],
    ['tcp://u@a:1', `a user name is not sent; ${EXAMPLE}`],
    ['tcp://a:99999', 'its port is not a number from 1 to 65535'],
    ['udp://a:1', `not tcp://HOST:PORT; ${EXAMPLE}`],
  ])('%j is refused', (text, error) => {
    expect(parseTcp(text)).toEqual({ ok: false, error });
  });
});
