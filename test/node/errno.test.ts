import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { errnoName, errnoOf } from '../../src/node/errno.ts';

/** The names by which the core knows errors, also of those that libuv has none for. */

test.each([
  ['EDQUOT', 122],
  ['ESTALE', 116],
  ['ENOEXEC', 8],
  ['ELIBBAD', 80],
  ['ENOLCK', 37],
  ['EAGAIN', 11],
  ['ENOTSUP', 95],
  ['ENOENT', 2],
])('%s is %d', (name, number) => {
  expect(errnoName(number)).toBe(name);
  expect(errnoOf({ errno: -number, code: 'UNKNOWN' })).toBe(name);
});

test('each that Node has a number for has a name, and what has none is an I/O error', () => {
  for (const [name, number] of Object.entries(constants.errno))
    expect(constants.errno).toHaveProperty(errnoName(number), constants.errno[name as 'EIO']);
  expect(errnoName(4_095)).toBe('EIO');
  expect(errnoOf({ errno: -3007, code: 'ENOTFOUND' })).toBe('ENOTFOUND');
  expect(errnoOf(new Error('none'))).toBe('EIO');
});
