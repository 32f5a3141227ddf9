import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONFIG_DIGEST } from '../../../src/controller/core/reading/state.ts';
import type { Resource } from '../client/api.ts';
import { field, list } from '../client/objects.ts';
import { thePlace } from '../client/room.ts';
import { awaited } from '../client/waiting.ts';
import { type Application, documented, startTools, type Tool } from './gitops.ts';
import { createHome, type Home } from './home.ts';
import type { Running } from './running.ts';
import { digestOf, eventsOf, phaseOf, revisionOf, taking, workload } from './workloads.ts';

/** A controller beside Argo CD's engine and Flux's kustomize-controller, which put back every three seconds what differs from Git. */

/** The first time they are built. */
const BUILDING = 1_800_000;

const PATIENCE = 240_000;

/** Looks of the tool in which nothing may happen any more. */
const LOOKS = 2;

/** A digest that a manifest has because it was taken from a cluster. */
const OLD = { [CONFIG_DIGEST]: 'v1.0.0' };

/** Says what it has, and runs while that is good. */
const SAYS = ['sh', '-c', 'echo "has $KEY"; case $KEY in bad*) exit 1;; esac; exec sleep 1000000'];

type Row = {
  readonly name: string;
  readonly title: 'Argo CD' | 'Flux';
  /** The manifest has a digest. */
  readonly isTaken?: boolean;
  readonly spec?: () => object;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The tool replaces the digest, and three times are enough. */
  readonly isLeft?: boolean;
  /** Each sync takes away what the manifest does not have. */
  readonly isReplaced?: boolean;
};

const EVICT = { 'rehup.dev/strategy': 'evict' };

const withOption = (option: string, spec: object = {}) => {
  const options = field(spec, 'syncPolicy', 'syncOptions');
  return { ...spec, syncPolicy: { syncOptions: [...(Array.isArray(options) ? options : []), option] } };
};

const ROWS: readonly Row[] = [
  { name: 'argo-client-side', title: 'Argo CD' },
  { name: 'argo-server-side', title: 'Argo CD', spec: () => withOption('ServerSideApply=true') },
  { name: 'argo-digest', title: 'Argo CD', isTaken: true, isLeft: true },
  { name: 'argo-ignored', title: 'Argo CD', isTaken: true, spec: () => documented('Application') },
  {
    name: 'argo-ignored-server-side',
    title: 'Argo CD',
    isTaken: true,
    spec: () => withOption('ServerSideApply=true', documented('Application')),
  },
  {
    name: 'argo-replace',
    title: 'Argo CD',
    spec: () => withOption('Replace=true', documented('Application')),
  },
  { name: 'argo-replaced', title: 'Argo CD', isReplaced: true, spec: () => withOption('Replace=true') },
  { name: 'argo-evict', title: 'Argo CD', isTaken: true, annotations: EVICT },
  { name: 'flux-plain', title: 'Flux' },
  { name: 'flux-digest', title: 'Flux', isTaken: true, isLeft: true },
  { name: 'flux-ignored', title: 'Flux', isTaken: true, spec: () => documented('Kustomization') },
  { name: 'flux-evict', title: 'Flux', isTaken: true, annotations: EVICT },
];

const BACK = ['Argo CD', 'Flux'] as const;
const backName = (title: string) => `back-${title.toLowerCase().replaceAll(' ', '-')}`;

const NAMES = [...ROWS.map(({ name }) => name), ...BACK.map(backName)];

let home: Home;
let tools: readonly Tool[] = [];
let controller: Running;

beforeAll(async () => {
  home = await createHome('controller-gitops', ['rollback.yaml']);
  tools = await startTools(thePlace(), home.api);
  for (const name of NAMES) await home.api.create({ kind: 'Namespace', metadata: { name } });
  controller = await home.start('--lease', 'off', ...NAMES.flatMap((name) => ['--namespace', name]));
  await controller.said('controller.synced');
}, BUILDING);

afterAll(async () => {
  for (const tool of tools) await tool.end();
  for (const name of NAMES) await home.api.delete('Namespace', name).catch(() => {});
  await home.end();
});

/** What Git has: a ConfigMap with this content, and a Deployment that takes it as variables. */
function manifestsOf(
  key: string,
  { isTaken = false, annotations = {} }: Partial<Row>,
  kept = false,
  env: readonly object[] = [],
): readonly Resource[] {
  const { container: takes, spec } = taking('env', 'ConfigMap', 'app');
  const probe = { exec: { command: ['/bin/busybox', 'true'] }, periodSeconds: 1 };
  const container = { ...takes, readinessProbe: probe, env: [...list(takes, 'env'), ...env] };
  const verify = { 'rehup.dev/verify': kept ? '5s' : '1s' };
  const made = workload('Deployment', 'app', {
    ...{ container, spec, replicas: 1, command: SAYS },
    annotations: { ...verify, ...annotations },
  });
  const metadata = { name: 'app', ...(kept ? { annotations: { 'rehup.dev/rollback': 'true' } } : {}) };
  const template = field(made, 'spec', 'template');
  const marked = {
    ...Object(template),
    metadata: { ...Object(field(template, 'metadata')), annotations: OLD },
  };
  return [
    { kind: 'ConfigMap', metadata, data: { KEY: key, key } },
    isTaken ? { ...made, spec: { ...Object(made['spec']), template: marked } } : made,
  ];
}

const deployment = (name: string) => home.api.get('Deployment', 'app', name);

const all = (tool: Tool, name: string) => () =>
  [tool.shown(), ...controller.lines().filter((line) => line.includes(`${name}/`))].join('\n');

function toolOf(title: string): Tool {
  const tool = tools.find((one) => one.title === title);
  if (tool === undefined) throw new Error(`${title} was not started`);
  return tool;
}

/** Waits until the tool has looked some times more. */
async function looked(tool: Tool, name: string): Promise<void> {
  const before = tool.looks(name);
  await awaited(`${tool.title} to look`, () => (tool.looks(name) >= before + LOOKS ? true : undefined), {
    patience: PATIENCE,
    shown: all(tool, name),
  });
}

async function isPhase(tool: Tool, name: string, phase: string, revision: number): Promise<Resource> {
  return awaited(
    `${name} to be ${phase}`,
    async () => {
      const now = await deployment(name);
      const isReady = field(now, 'status', 'readyReplicas') === 1 && field(now, 'status', 'replicas') === 1;
      return phaseOf(now) === phase && revisionOf(now) >= revision && (isReady || phase === 'failed')
        ? now
        : undefined;
    },
    { patience: PATIENCE, shown: all(tool, name) },
  );
}

/** What the pods that are there say that they have. */
async function contents(name: string): Promise<readonly string[]> {
  const pods = (await home.api.list('Pod', name)).filter(
    (pod) => field(pod, 'metadata', 'deletionTimestamp') === undefined,
  );
  const texts = pods.map((pod) =>
    home.api.text('GET', `/api/v1/namespaces/${name}/pods/${pod.metadata.name}/log`),
  );
  return (await Promise.all(texts)).map((text) => text.trim());
}

/** Comes to a rest in which nothing of it changes while the tool looks at it again and again. */
async function rests(tool: Tool, name: string): Promise<void> {
  await awaited(
    `${name} to rest`,
    async () => {
      const before = await deployment(name);
      await looked(tool, name);
      const after = await deployment(name);
      const isSame = ['generation', 'annotations'].every((part) =>
        isDeepStrictEqual(field(before, 'metadata', part), field(after, 'metadata', part)),
      );
      return isSame && digestOf(before) === digestOf(after) ? true : undefined;
    },
    { patience: PATIENCE, shown: all(tool, name) },
  );
}

/** By its log: the start of a change is no Event. */
function starts(name: string): number {
  return controller
    .lines()
    .filter((line) => line.includes('rollout.started') && line.includes(` ${name}/app: `)).length;
}

async function put(
  tool: Tool,
  row: Pick<Row, 'name' | 'spec'>,
  manifests: Application['manifests'],
): Promise<void> {
  await tool.put({ name: row.name, spec: row.spec?.() ?? {}, manifests });
}

describe.concurrent('beside a GitOps tool', () => {
  test.each(ROWS)('$name comes to rest', async (row) => {
    const { name, title, isTaken = false, isLeft = false, isReplaced = false, annotations = {} } = row;
    const tool = toolOf(title);
    const isEvicted = annotations === EVICT;
    await put(tool, row, manifestsOf('one', row));
    await isPhase(tool, name, 'adopted', 1);
    await put(tool, row, manifestsOf('two', row));
    if (isLeft) {
      const said = await awaited(
        'the three times',
        async () => (await eventsOf(home.api, name, 'app')).find((line) => line.includes('3 times')),
        { patience: PATIENCE, shown: all(tool, name) },
      );
      expect(said).toContain(
        `Skipped: the annotation rehup.dev/config-digest of its template was replaced by ${title} 3 times`,
      );
      await rests(tool, name);
      expect(digestOf(await deployment(name))).toBe(OLD[CONFIG_DIGEST]);
      expect(starts(name)).toBe(3);
      return;
    }
    const now = await isPhase(tool, name, 'applied', isEvicted ? 1 : 2);
    expect(digestOf(now) === (isTaken ? OLD[CONFIG_DIGEST] : undefined)).toBe(isEvicted);
    expect(await contents(name)).toEqual(['has two']);
    // Something else changes in Git, and what is ours stays.
    await put(tool, row, manifestsOf('two', row, false, [{ name: 'OTHER', value: 'new' }]));
    await awaited(
      'the other template',
      async () => (revisionOf(await deployment(name)) > revisionOf(now) ? true : undefined),
      { patience: PATIENCE, shown: all(tool, name) },
    );
    await rests(tool, name);
    const later = await isPhase(tool, name, isReplaced ? 'adopted' : 'applied', revisionOf(now) + 1);
    expect(digestOf(later)).toBe(isReplaced ? undefined : digestOf(now));
    // A sync that had read an older digest may have written it: then it was rolled out once more.
    expect(starts(name)).toBeLessThanOrEqual(2);
    if (!isReplaced) return;
    // What was known of it goes with each sync, and is remembered.
    await put(tool, row, manifestsOf('three', row, false, [{ name: 'OTHER', value: 'new' }]));
    await isPhase(tool, name, 'applied', 4);
    expect(await contents(name)).toEqual(['has three']);
  });

  test.each(BACK)('a ConfigMap of %s is not put back, and an Event says why', async (title) => {
    const tool = toolOf(title);
    const name = backName(title);
    await put(tool, { name }, manifestsOf('good 1', {}, true));
    await isPhase(tool, name, 'adopted', 1);
    await put(tool, { name }, manifestsOf('good 2', {}, true));
    await isPhase(tool, name, 'applied', 2);
    const kept = async () =>
      (await home.api.list('ConfigMap', name)).find(
        (one) => field(one, 'data', 'key') === 'good 2' && one.metadata.name !== 'app',
      );
    await awaited('the copy', kept, { shown: all(tool, name) });
    await put(tool, { name }, manifestsOf('bad', {}, true));
    await isPhase(tool, name, 'failed', 3);
    const said = await awaited(
      'the Event',
      async () => (await eventsOf(home.api, name, 'app')).find((line) => line.includes('not put back')),
      { shown: all(tool, name) },
    );
    expect(said).toBe(
      `Skipped: ConfigMap app is not put back: it belongs to ${title}, which would undo it; change it there`,
    );
    expect(field(await home.api.get('ConfigMap', 'app', name), 'data', 'key')).toBe('bad');
    // The way out is the tool's.
    await put(tool, { name }, manifestsOf('good 3', {}, true));
    await isPhase(tool, name, 'applied', 4);
    expect(await contents(name)).toEqual(['has good 3']);
  });
});

test('what was left is counted', async () => {
  const metrics = await (await fetch(`http://127.0.0.1:${controller.port}/metrics`)).text();
  const [, count = '0'] = /rehup_controller_events_total\{reason="[^"]*Skipped"\} (\d+)/.exec(metrics) ?? [];
  expect(Number(count)).toBeGreaterThanOrEqual(ROWS.filter(({ isLeft = false }) => isLeft).length);
});
