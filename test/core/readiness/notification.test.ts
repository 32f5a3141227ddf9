import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseNotification } from '../../../src/core/readiness/notification.ts';

const NOTHING = {
  ready: false,
  stopping: false,
  reloading: false,
  began: undefined,
  extension: undefined,
  status: undefined,
};

test.each([
  ['READY=1', { ready: true }],
  ['READY=1\nMAINPID=6272', { ready: true }],
  [
    'RELOADING=1\nMONOTONIC_USEC=123456\nSTATUS=Reloading.\n',
    {
      reloading: true,
      began: 123_456,
      status: 'Reloading.',
    },
  ],
  ['STOPPING=1', { stopping: true }],
  ['EXTEND_TIMEOUT_USEC=5000000', { extension: 5_000_000 }],
  ['STATUS=a=b', { status: 'a=b' }],
  ['STATUS=one\nSTATUS=two', { status: 'two' }],
  ['STATUS=', { status: '' }],
] as const)('%j says what it says', (message, said) => {
  expect(parseNotification(message)).toEqual({ ...NOTHING, ...said });
});

test.each([
  '',
  '\n\n',
  'READY=0',
  'READY=2',
  'READY',
  ' READY=1',
  'READY=1 ',
  '=1',
  'ready=1',
  'WATCHDOG=1\nFDSTORE=1\nBARRIER=1',
  'EXTEND_TIMEOUT_USEC=-1',
  'EXTEND_TIMEOUT_USEC=1e9',
  'MONOTONIC_USEC=123456789012345678901',
  'READY=1\0',
])('%j says nothing', (message) => {
  expect(parseNotification(message)).toEqual(NOTHING);
});

test('a status is kept up to 1 KiB', () => {
  expect(parseNotification(`STATUS=${'x'.repeat(16_000)}`).status).toHaveLength(1_024);
});

/** What this thread has used, ms: by the clock a busy machine makes all of it long. */
function processorTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

test('any 16 KiB are taken apart within 50 ms, and say READY only in a line of its own', () => {
  const piece = fc.constantFrom(
    'READY=1',
    '\n',
    '=',
    'RELOADING=1\n',
    '\0',
    'STATUS=',
    'EXTEND_TIMEOUT_USEC=9',
    'é',
  );
  fc.assert(
    fc.property(fc.array(piece, { minLength: 2_000, maxLength: 4_000 }), (pieces) => {
      const message = pieces.join('').slice(0, 16 * 1024);
      const begun = processorTime();
      const { ready } = parseNotification(message);
      expect(processorTime() - begun).toBeLessThan(50);
      const last = message.split('\n').findLast((line) => line.startsWith('READY='));
      expect(ready).toBe(last === 'READY=1');
    }),
    { numRuns: 50 },
  );
});
