import { expect, test } from 'vitest';
import { createApi } from '../client/api.ts';
import { thePlace } from '../client/room.ts';
import { awaited } from '../client/waiting.ts';
import { grant, kubeconfigOf } from './account.ts';
import { startController } from './running.ts';
import { phaseOf, revisionOf, taking, workload } from './workloads.ts';

/** A controller with fewer rights than it could use. */

const place = thePlace();
const api = createApi(place);

/** Without rights to Secrets in a Role of its own namespace alone. */
const BLIND = 'controller-blind';

test('without rights to Secrets everything else works, and it says what it can not see', async () => {
  await api.create({ kind: 'Namespace', metadata: { name: BLIND } });
  try {
    await grant(api, BLIND, ['base/account.yaml', 'namespaced/role.yaml']);
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${BLIND}/roles/rehup-controller`;
    const role = JSON.parse(await api.text('GET', path)) as { rules: { resources: string[] }[] };
    const rules = role.rules.map((rule) => ({
      ...rule,
      resources: rule.resources.filter((resource) => resource !== 'secrets'),
    }));
    await api.text('PUT', path, { ...role, rules });
    for (const kind of ['ConfigMap', 'Secret'] as const) {
      const name = kind.toLowerCase();
      await api.create({ kind, metadata: { name, namespace: BLIND }, data: { key: 'b25l' } });
      const made = workload('Deployment', name, taking('envFrom', kind, name));
      await api.create({ ...made, metadata: { ...made.metadata, namespace: BLIND } });
    }
    const kubeconfig = await kubeconfigOf(place, api, BLIND);
    const blind = await startController(kubeconfig, ['--namespace', BLIND]);
    try {
      expect(await blind.said('secrets.unseen')).toMatch(
        /Secrets can't be seen.*give the right, or say --no-secrets/,
      );
      await blind.said('leader.elected');
      await awaited('the adoption', async () => phaseOf(await api.get('Deployment', 'configmap', BLIND)));
      for (const kind of ['ConfigMap', 'Secret'])
        await api.patch(kind, kind.toLowerCase(), BLIND, { data: { key: 'dHdv' } });
      await awaited('the roll-out', async () =>
        phaseOf(await api.get('Deployment', 'configmap', BLIND)) === 'applied' ? true : undefined,
      );
      expect(revisionOf(await api.get('Deployment', 'configmap', BLIND))).toBe(2);
      expect(revisionOf(await api.get('Deployment', 'secret', BLIND))).toBe(1);
    } finally {
      await blind.kill();
    }
  } finally {
    await api.delete('Namespace', BLIND);
  }
});
