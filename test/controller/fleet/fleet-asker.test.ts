import { describe, expect, test } from 'vitest';
import { ownerOf, podOfAddress, podOfReview, sightOf } from '../../../src/controller/core/fleet/asker.ts';
import { mostOf, slotName } from '../../../src/controller/core/fleet/slots.ts';
import type { ApiPod } from '../../../src/controller/core/reading/api.ts';
import { OWNER, sha256 } from './fleet-world.ts';

/** Who asks for a slot of a fleet, and whose it is (specification 9.5). */

describe('who asks', () => {
  const pod = (more: Partial<ApiPod> = {}): ApiPod => ({
    metadata: { name: 'web-h-1', namespace: 'shop', uid: '1' },
    status: { phase: 'Running' },
    ...more,
  });

  test('is told by a token of a pod, for this audience', () => {
    const user = {
      username: 'system:serviceaccount:shop:default',
      extra: {
        'authentication.kubernetes.io/pod-name': ['web-h-1'],
        'authentication.kubernetes.io/pod-uid': ['1'],
      },
    };
    const review = { status: { authenticated: true, audiences: ['rehup'], user } };
    expect(podOfReview(review)).toEqual({ namespace: 'shop', name: 'web-h-1', uid: '1' });
    expect(podOfReview({ status: { ...review.status, audiences: ['api'] } })).toContain(
      'none for the audience',
    );
    expect(podOfReview({ status: { authenticated: false, error: 'expired' } })).toContain('expired');
    expect(podOfReview({ status: { ...review.status, user: { ...user, extra: {} } } })).toContain(
      'not of a pod',
    );
    expect(podOfReview({ status: { ...review.status, user: { ...user, username: 'admin' } } })).toContain(
      'not of a pod',
    );
  });

  test('is told by an address that only one pod has', () => {
    const old = pod({ status: { phase: 'Failed' } });
    expect(podOfAddress('10.0.0.1', [old, pod()])).toEqual(pod());
    expect(podOfAddress('10.0.0.1', [old])).toContain('no pod has the address');
    for (const pods of [[pod({ spec: { hostNetwork: true } })], [pod(), pod()]])
      expect(podOfAddress('10.0.0.1', pods)).toContain('the address of a node');
  });

  test('shares slots with the pods of its owner, and of a ReplicaSet with those of its Deployment', () => {
    const owned = (kind: string, name: string, labels = {}) =>
      ownerOf(
        pod({
          metadata: {
            ...{ name: 'p', uid: '1', labels },
            ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: '2', controller: true }],
          },
        }),
      );
    expect(owned('ReplicaSet', 'web-abc', { 'pod-template-hash': 'abc' })).toMatchObject(OWNER_OF.deployment);
    expect(owned('ReplicaSet', 'web-abc')).toMatchObject({ kind: 'ReplicaSet', name: 'web-abc', uid: '2' });
    expect(owned('StatefulSet', 'db')).toMatchObject({ kind: 'StatefulSet', name: 'db', uid: '2' });
    expect(ownerOf(pod())).toEqual({ kind: 'Pod', name: 'web-h-1', apiVersion: 'v1', uid: '1' });
  });

  test('may be many, as the annotation of the owner says', () => {
    const cases: readonly (readonly [string | undefined, number])[] = [
      ...([
        [undefined, 1],
        ['3', 3],
        ['25%', 2],
        ['1%', 1],
        ['0', 1],
        ['many', 1],
        [' 2 ', 2],
      ] as const),
    ];
    for (const [text, most] of cases) expect(mostOf(text, 10)).toBe(most);
  });

  test('is gone when another pod has its name', () => {
    expect(sightOf(pod(), '1')).toEqual({ kind: 'there', isReady: false });
    expect(sightOf(pod(), '2')).toEqual({ kind: 'gone' });
    expect(sightOf(undefined, '1')).toEqual({ kind: 'gone' });
    expect(sightOf(pod({ status: { phase: 'Succeeded' } }), '1')).toEqual({ kind: 'gone' });
    const metadata = { name: 'web-h-1', uid: '1', deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(sightOf(pod({ metadata }), '1')).toEqual({ kind: 'ending' });
  });

  test('has a Lease whose name is one, however long the name of the owner is', () => {
    expect(slotName(12, OWNER, sha256)).toBe('rehup-12.deployment.web');
    const long = { kind: 'StatefulSet', name: 'a'.repeat(250) };
    const [one, other] = [long, { ...long, name: `${'a'.repeat(249)}b` }].map((owner) =>
      slotName(0, owner, sha256),
    );
    expect(one).toHaveLength(253);
    expect(one).not.toBe(other);
  });
});

const OWNER_OF = { deployment: { kind: 'Deployment', name: 'web', uid: undefined } };
