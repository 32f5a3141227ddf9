import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { callNative, gave, result, STATIC_HOST, threw } from '../../support/native.ts';
import { needing } from '../../support/needing.ts';
import { eachWithDirectory } from '../../support/volume.ts';

/** The functions of the C host that concern sockets. */

const test = needing(STATIC_HOST);
const temporary = eachWithDirectory();

describe('sockets', () => {
  for (const address of ['127.0.0.1', '::1']) {
    test(`carry bytes over ${address}, and never make one wait`, () => {
      const values = gave(
        ['listenTcp', address, 0],
        ['port', result(0)],
        ['connect', address, result(1)],
        ['expect', result(2), 4],
        ['wait', 10_000],
        ['connected', result(2)],
        // Until something is sent the connection is the kernel's.
        ['send', result(2), 'GET \xff\0'],
        ['expect', result(2), 0],
        ['expect', result(0), 1],
        ['wait', 10_000],
        ['accept', result(0)],
        ['read', result(10), 100],
        ['close', result(2)],
        ['read', result(10), 100],
      );
      expect(values[6]).toBe(6);
      expect(values.slice(11)).toEqual(['GET \xff\0', 0, '']);
      const waiting = callNative([
        ['listenTcp', address, 0],
        ['accept', result(0)],
        ['port', result(0)],
        ['connect', address, result(2)],
        ['read', result(3), 10],
      ]);
      expect(waiting[1]?.threw).toEqual({ call: 'accept4', errno: 'EAGAIN' });
      expect(waiting[4]?.threw).toEqual({ call: 'read', errno: 'EAGAIN' });
    });
  }

  test('at a path are their owner’s alone', () => {
    const path = join(temporary.path, 'socket');
    gave(['listenUnix', path]);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(threw(['listenUnix', path])).toEqual({ call: 'bind', errno: 'EADDRINUSE' });
    const long = join(temporary.path, 'x'.repeat(120));
    expect(threw(['listenUnix', long])).toEqual({ call: 'bind', errno: 'ENAMETOOLONG' });
  });

  test('tell of addresses that are none, and of peers that are not there', () => {
    expect(threw(['connect', 'localhost', 80])).toEqual({ call: 'connect', errno: 'EINVAL' });
    expect(threw(['connect', '127.0.0.1', 70_000])).toEqual({ call: 'connect', errno: 'EINVAL' });
    const refused = threw(
      ['listenTcp', '127.0.0.1', 0],
      ['port', result(0)],
      ['close', result(0)],
      ['connect', '127.0.0.1', result(1)],
      ['expect', result(3), 4],
      ['wait', 10_000],
      ['connected', result(3)],
    );
    expect(refused).toEqual({ call: 'connect', errno: 'ECONNREFUSED' });
    expect(threw(['listenTcp', '127.0.0.1', 0], ['port', result(0)], ['send', result(0), 'x'])).toEqual({
      call: 'send',
      errno: 'EPIPE',
    });
  });
});
