import { expect } from 'vitest';
import { PYTHON } from '../../support/machine.ts';
import { callNative, gave, result, STATIC_HOST, threw } from '../../support/native.ts';
import { needing } from '../../support/needing.ts';

/** What the C host has for a child that says itself that it serves: one more descriptor, and datagrams. */

const test = needing(STATIC_HOST, PYTHON);
const ENVIRONMENT = [`PATH=${process.env['PATH']}`];

// The calls below have the first ones that are free, whichever they are; each of these may be one of them.
for (const number of [3, 4, 5, 6, 7, 8, 9, 99]) {
  test(`a process gets one more descriptor as ${number}, and no other`, () => {
    const words = ['ls', '/proc/self/fd'];
    const values = gave(
      ['openSignals'],
      ['expect', result(0), 1],
      ['pipe'],
      ['pipe'],
      ['spawn', '/bin/ls', words, [], null, false, -1, result(2, 1), -1, result(3, 1), number],
      ['wait', 10_000],
      ['readTail', result(2, 0), 100],
    );
    const open = String(values.at(-1)).trim().split('\n').map(Number);
    // That of the list itself is the lowest that was free.
    expect(open.sort((one, other) => one - other)).toEqual(
      number === 3 ? [0, 1, 2, 3, 4] : [0, 1, 2, 3, number],
    );
  });
}

test('a descriptor that is none is a start that fails', () => {
  const words = ['/bin/true', ['true'], [], null, false, -1, -1, -1];
  expect(threw(['spawn', ...words, 77, 5])).toEqual({ call: 'dup2', errno: 'EBADF' });
  expect(threw(['spawn', ...words, 77, 77])).toEqual({ call: 'fcntl', errno: 'EBADF' });
});

test('datagrams are taken with their sender, and what is longer than 16 KiB cut', () => {
  const name = `rehup-test-${process.pid}`;
  const send = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect('\\0${name}')
s.send(b'READY=1\\0\\xff')
s.send(b'x' * 16384)
s.send(b'x' * 16385)
s.send(b'')
socket.send_fds(s, [b'descriptors'], [0] * 250)
print('sent')`;
  const values = callNative([
    ['openDatagrams', name],
    ['openDatagrams', name],
    ['openSignals'],
    ['expect', result(2), 1],
    ['spawn', '/usr/bin/env', ['env', 'python3', '-c', send], ENVIRONMENT, null, false, -1, 2, -1, -1, -1],
    ['wait', 10_000],
    ...Array.from({ length: 6 }, () => ['receive', result(0)] as const),
    ['names', '/proc/self/fd'],
  ]);
  const [, taken, , , pid, , whole, longest, cut, empty, open, none, descriptors] = values;
  expect(taken?.threw).toEqual({ call: 'bind', errno: 'EADDRINUSE' });
  expect(whole?.gave).toEqual([pid?.gave, 1, 'READY=1\0\xff']);
  expect(longest?.gave).toEqual([pid?.gave, 1, 'x'.repeat(16_384)]);
  expect(cut?.gave).toEqual([pid?.gave, 0, 'x'.repeat(16_384)]);
  expect(empty?.gave).toEqual([pid?.gave, 1, '']);
  expect(open?.gave).toEqual([pid?.gave, 1, 'descriptors']);
  expect(none?.threw).toEqual({ call: 'recvmsg', errno: 'EAGAIN' });
  expect(descriptors?.gave).toSatisfy((names: readonly string[]) => names.length < 12);
  expect(threw(['openDatagrams', 'x'.repeat(108)])).toEqual({ call: 'bind', errno: 'ENAMETOOLONG' });
});
