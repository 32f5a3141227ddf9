import { request } from 'node:https';
import { field } from '../../test/cluster/client/objects.ts';
import type { Place } from '../../test/cluster/engine/place.ts';
import { API_PORT } from '../../test/cluster/engine/settings.ts';
import type { App } from './filling.ts';

/** What becomes of the workloads of the API server, as it tells it to whoever watches. */
export type Watched = {
  /** When the template of a workload was seen to be another one first since a time, ms; undefined if it was not. */
  patchedAt(app: App, since: number): number | undefined;
  /** How many templates were changed since. */
  changes(): number;
  /** How many workloads have an annotation of the controller, and are known to their own controllers. */
  standing(): { readonly known: number; readonly marked: number; readonly observed: number };
};

type Seen = { generation: number; template: string; observed: boolean; marked: boolean; changes: number[] };

/** A watch that begins with all that is there. */
const SINCE_ALL = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan';

const PLURALS = ['deployments', 'statefulsets', 'daemonsets'] as const;

/** Who changes a template does so in one of these annotations, or in a variable of a container. */
function templateOf(object: unknown): string {
  const template = field(object, 'spec', 'template');
  return JSON.stringify([
    field(template, 'metadata', 'annotations'),
    field(template, 'spec', 'containers', 0, 'env'),
  ]);
}

export function watchWorkloads({ address }: Pick<Place, 'address'>, ca: Buffer): Watched {
  const known = new Map<string, Seen>();
  let changes = 0;

  function take(object: unknown): void {
    const [kind, namespace, name] = [
      field(object, 'kind'),
      ...['namespace', 'name'].map((one) => field(object, 'metadata', one)),
    ];
    const key = `${kind}/${namespace}/${name}`;
    const generation = Number(field(object, 'metadata', 'generation'));
    const template = templateOf(object);
    const before = known.get(key);
    const at = performance.now();
    const isChanged = before !== undefined && before.template !== template;
    if (isChanged) changes += 1;
    known.set(key, {
      ...{ generation, template },
      observed: Number(field(object, 'status', 'observedGeneration') ?? 0) >= generation,
      marked: field(object, 'metadata', 'annotations', 'rehup.dev/state') !== undefined,
      changes: [...(before?.changes ?? []), ...(isChanged ? [at] : [])],
    });
  }

  function watch(plural: string): void {
    const asked = request({
      ...{ host: address, port: API_PORT, ca, agent: false },
      path: `/apis/apps/v1/${plural}?watch=1&${SINCE_ALL}&allowWatchBookmarks=true`,
      headers: { authorization: 'Bearer admin' },
    });
    asked.on('response', (answer) => {
      let rest = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const event: unknown = JSON.parse(line);
          if (['ADDED', 'MODIFIED'].includes(String(field(event, 'type')))) take(field(event, 'object'));
        }
      });
      answer.on('error', () => {});
    });
    asked.on('error', () => {});
    // However it ends; the API server is taken away as well.
    asked.on('close', () => setTimeout(watch, 200, plural));
    asked.end();
  }

  for (const plural of PLURALS) watch(plural);
  return {
    patchedAt: ({ kind, namespace, name }, since) =>
      known.get(`${kind}/${namespace}/${name}`)?.changes.find((at) => at >= since),
    changes: () => changes,
    standing() {
      const all = [...known.values()];
      const count = (is: (seen: Seen) => boolean) => all.filter(is).length;
      return {
        known: all.length,
        marked: count(({ marked }) => marked),
        observed: count(({ observed }) => observed),
      };
    },
  };
}
