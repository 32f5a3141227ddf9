import { describe, expect, test } from 'vitest';
import { leftovers, nextEviction, verdictOf } from '../../src/controller/core/planning/verdict.ts';
import type { Pod } from '../../src/controller/core/reading/pod.ts';
import type { State } from '../../src/controller/core/reading/state.ts';
import { type Workload, workloadOf } from '../../src/controller/core/reading/workload.ts';
import { SETTINGS } from './controller-double.ts';

/** What has become of a roll-out, by its pods. */

const AT = 1_000_000;

const STATE: State = { digest: 'new', parts: {}, phase: 'rolling', at: AT, changed: [] };

function workload(fields: Partial<Workload> = {}): Workload {
  const made = workloadOf(
    'Deployment',
    { metadata: { annotations: { 'rehup.dev/reload': 'auto' } } },
    SETTINGS,
  );
  if (made === undefined) throw new Error('it takes no part');
  return { ...made, wanted: 2, isObserved: true, ...fields };
}

let made = 0;

function pod(fields: Partial<Pod> = {}): Pod {
  made += 1;
  return {
    ...{
      name: `p${made}`,
      namespace: 'shop',
      uid: `${made}`,
      workload: 'w',
      digest: 'new',
      created: AT + 1000,
    },
    ...{ isEnding: false, isReady: true, stableSince: AT + 2000, ends: 0, stuck: undefined },
    ...fields,
  };
}

const kind = (pods: readonly Pod[], now: number, fields: Partial<Workload> = {}, state = STATE) =>
  verdictOf(workload(fields), state, pods, now).kind;

describe('a roll-out is applied', () => {
  const late = AT + 40_000;
  test('when all pods are new and were Ready for the time of verification', () => {
    expect(kind([pod(), pod()], AT + 31_999)).toBe('waiting');
    expect(kind([pod(), pod()], AT + 32_000)).toBe('applied');
    expect(kind([pod(), pod()], late, { verify: 60_000 })).toBe('waiting');
  });

  test.each([
    ['an old pod is there', [pod(), pod(), pod({ digest: 'old' })], {}],
    ['a pod is missing', [pod()], {}],
    ['one is not Ready', [pod(), pod({ isReady: false })], {}],
    ['one was started anew', [pod(), pod({ stableSince: late - 1000, ends: 1 })], {}],
    ['its controller has not seen it', [pod(), pod()], { isObserved: false }],
  ])('not when %s', (_, pods, fields) => {
    expect(kind(pods, late, fields)).toBe('waiting');
  });

  test('at once when there are to be no pods, and an old one that ends does not count', () => {
    expect(kind([pod({ digest: 'old', isEnding: true })], AT, { wanted: 0 })).toBe('applied');
  });
});

describe('it is failed', () => {
  test.each([
    ['a container ended twice', { ends: 2 }],
    ['a container crashes again and again', { stuck: 'CrashLoopBackOff' }],
    ['an image is not there', { stuck: 'ImagePullBackOff' }],
  ])('when %s', (_, fields) => {
    expect(kind([pod(), pod({ isReady: false, ...fields })], AT + 5000)).toBe('failed');
    // Of an old pod that says nothing.
    expect(kind([pod(), pod({ digest: 'old', isReady: false, ...fields })], AT + 5000)).toBe('waiting');
  });

  test('when its time is over', () => {
    const verdict = verdictOf(
      workload({ deadline: 60_000 }),
      STATE,
      [pod(), pod({ isReady: false })],
      AT + 60_000,
    );
    expect(verdict).toEqual({ kind: 'failed', reason: '1 of 2 pods were Ready in time', isTimeOver: true });
  });
});

describe('by eviction', () => {
  const evicting = { ...STATE, evicts: true };
  const old = (fields: Partial<Pod> = {}) => pod({ digest: undefined, created: AT - 5000, ...fields });

  test('pods go one at a time, the oldest first, when all others are there', () => {
    const [first, second] = [old({ created: AT - 9000 }), old()];
    expect(nextEviction(workload(), evicting, [second, first])).toBe(first);
    expect(nextEviction(workload(), evicting, [second])).toBeUndefined();
    expect(nextEviction(workload(), evicting, [second, { ...first, isEnding: true }])).toBeUndefined();
    expect(nextEviction(workload(), evicting, [second, pod({ isReady: false })])).toBeUndefined();
    expect(nextEviction(workload(), evicting, [second, pod()])).toBe(second);
    expect(nextEviction(workload(), evicting, [pod(), pod()])).toBeUndefined();
  });

  test('one that is not Ready goes at once', () => {
    const useless = old({ isReady: false });
    expect(nextEviction(workload(), evicting, [old(), useless])).toBe(useless);
  });

  test('it is applied when all were made since', () => {
    expect(kind([pod({ digest: undefined }), pod({ digest: undefined })], AT + 40_000, {}, evicting)).toBe(
      'applied',
    );
    expect(kind([pod({ digest: undefined }), old()], AT + 40_000, {}, evicting)).toBe('waiting');
  });
});

test('after a failure the pods of it that are not Ready go, and only they', () => {
  const stuck = pod({ created: AT - 5000, isReady: false });
  const pods = [stuck, pod({ created: AT - 5000 }), pod({ isReady: false })];
  expect(leftovers({ ...STATE, again: true }, pods)).toEqual([stuck]);
  expect(leftovers(STATE, pods)).toEqual([]);
});
