import { afterAll, beforeAll, expect, test } from 'vitest';
import { awaited, quiet } from '../client/waiting.ts';
import { createHome, type Home } from './home.ts';
import { phaseOf, revisionOf, taking, workload } from './workloads.ts';

/**
 * What is lost or doubled by others that do this (issue 22): each a test. What controller.e2e.ts has of it: changes while no controller
 * ran, the leader killed, an object deleted and made anew, an API server that is away, ten changes in five seconds.
 */

const REST = 5000;

/** Fewer of each where time is short. */
const COUNTS = process.env['REHUP_SOAK'] === '1' ? { many: 200, sharing: 100 } : { many: 40, sharing: 20 };

/** Deployments without pods, each with a ConfigMap of its name, or all with one. */
const MANY = Array.from({ length: COUNTS.many }, (_, index) => `burst-${index}`);
const SHARING = Array.from(
  { length: COUNTS.sharing },
  (_, index) => `shared-${String(index).padStart(3, '0')}`,
);
const REFUSES = SHARING[COUNTS.sharing / 2] ?? '';

let home: Home;

const WORDS = ['--max-rolling', '50', '--qps', '200'] as const;

const revisions = async (names: readonly string[]) => {
  const all = await home.api.list('Deployment', home.namespace);
  const of = new Map(all.map((one) => [one.metadata.name, revisionOf(one)]));
  return new Map(names.map((name) => [name, of.get(name) ?? 0]));
};

/** Not one of them was rolled out more, or less, often than this. */
async function are(revision: number, names: readonly string[]): Promise<void> {
  await awaited('their revisions', async () =>
    [...(await revisions(names)).values()].every((one) => one >= revision) ? true : undefined,
  );
  await quiet(REST);
  const others = [...(await revisions(names))].filter(([, one]) => one !== revision);
  expect(others).toEqual([]);
}

/** In portions, so that the API server is not asked for all at once. */
async function each<Value>(values: readonly Value[], act: (value: Value) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < values.length; from += 25)
    await Promise.all(values.slice(from, from + 25).map(act));
}

beforeAll(async () => {
  home = await createHome('controller-losses');
  await each(MANY, (name) => home.config(name, 'one'));
  for (const name of ['shared', 'moved', 'both']) await home.config(name, 'b25l');
  await home.config('both', 'one', 'Secret');
  await each(MANY, (name) => home.make(workload('Deployment', name, taking('envFrom', 'ConfigMap', name))));
  await each(SHARING, (name) =>
    home.make(workload('Deployment', name, taking('envFrom', 'ConfigMap', 'shared'))),
  );
  await home.make(workload('Deployment', 'moved', taking('envFrom', 'ConfigMap', 'moved')));
  const [one, other] = [taking('env', 'ConfigMap', 'both'), taking('envFrom', 'Secret', 'both')];
  await home.make(workload('Deployment', 'both', { container: { ...one.container, ...other.container } }));
  await home.start('--namespace', home.namespace, ...WORDS);
  await home.comeTo('adopted', [...MANY, ...SHARING, 'moved', 'both']);
});

afterAll(() => home.end());

test('kill -9 in the middle of a burst of changes loses none and doubles none', async () => {
  await each(MANY, (name) => home.change(name, 'two'));
  const begun = async () => {
    const all = await home.api.list('Deployment', home.namespace);
    return all.filter((one) => MANY.includes(one.metadata.name) && phaseOf(one) !== 'adopted').length;
  };
  await awaited('some of them', async () => ((await begun()) > 0 ? true : undefined));
  await home.killAll();
  await home.start('--namespace', home.namespace, ...WORDS);
  await home.comeTo('applied', MANY);
  await are(2, MANY);
});

test('a ConfigMap and a Secret that change together are one roll-out', async () => {
  await Promise.all([home.change('both', 'two'), home.change('both', 'two', 'Secret')]);
  await home.comeTo('applied', ['both']);
  await are(2, ['both']);
});

test('content that moves from data to binaryData with the same text is a change', async () => {
  const change = { data: { key: null }, binaryData: { key: 'b25l' } };
  await home.api.patch('ConfigMap', 'moved', home.namespace, change);
  await home.comeTo('applied', ['moved']);
  await are(2, ['moved']);
});

test('one workload of many that refuses its patch holds up none, and is rolled out when it does not any more', async () => {
  const group = '/apis/admissionregistration.k8s.io/v1';
  const name = `${home.namespace}-refuses`;
  const path = {
    policies: `${group}/validatingadmissionpolicies`,
    bindings: `${group}/validatingadmissionpolicybindings`,
  };
  const rule = {
    apiGroups: ['apps'],
    apiVersions: ['v1'],
    operations: ['UPDATE'],
    resources: ['deployments'],
  };
  await home.api.text('POST', path.policies, {
    metadata: { name },
    spec: {
      matchConstraints: { resourceRules: [rule] },
      validations: [
        {
          expression: `object.metadata.name != '${REFUSES}' || object.metadata.namespace != '${home.namespace}'`,
        },
      ],
    },
  });
  const spec = { policyName: name, validationActions: ['Deny'] };
  await home.api.text('POST', path.bindings, { metadata: { name }, spec });
  try {
    // It takes the API server some time to know of it.
    await awaited('the policy', () => {
      const metadata = { labels: { probe: `${Date.now()}` } };
      const refused = home.api.patch('Deployment', REFUSES, home.namespace, { metadata });
      return refused.then(
        () => undefined,
        () => true,
      );
    });
    await home.change('shared', 'dHdv');
    const others = SHARING.filter((one) => one !== REFUSES);
    await home.comeTo('applied', others);
    await are(2, others);
    expect(await home.revision(REFUSES)).toBe(1);
  } finally {
    await home.api.text('DELETE', `${path.bindings}/${name}`);
    await home.api.text('DELETE', `${path.policies}/${name}`);
  }
  await home.comeTo('applied', [REFUSES]);
  await are(2, SHARING);
});
