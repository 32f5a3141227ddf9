import { expect, test } from 'vitest';
import type { Drive } from '../../../src/core/jobs/conversation.ts';
import { createKeeping } from '../../../src/core/sidecar/keeping.ts';
import { NOTHING_KEPT } from '../../../src/core/sidecar/pod.ts';

/** What is done in a directory; each is over when the test says so. */
function steps() {
  const begun: (() => void)[] = [];
  const drive: Drive = (_steps, told) => {
    begun.push(() => told(undefined as never));
  };
  const keeping = createKeeping(drive, () => false);
  const own = { port: undefined, network: false };
  return {
    begun,
    keeping,
    keep: (told: () => void) =>
      keeping.keep(
        { type: 'keep', directory: '/state', kept: NOTHING_KEPT, as: 'note', content: new Map(), own },
        {},
        told,
      ),
  };
}

test('what is kept is kept in turn, each once, also what is asked for when the one before is told', () => {
  const { begun, keeping, keep } = steps();
  const order: string[] = [];
  keeping.recall('/state', () => {
    order.push('recalled');
    keep(() => order.push('first'));
    keep(() => order.push('second'));
  });
  expect(begun).toHaveLength(1);
  begun[0]?.();
  expect(begun).toHaveLength(2);
  keep(() => order.push('third'));
  expect(begun).toHaveLength(2);
  for (const over of [1, 2, 3]) begun[over]?.();
  expect(begun).toHaveLength(4);
  expect(order).toEqual(['recalled', 'first', 'second', 'third']);
});
