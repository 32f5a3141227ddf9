import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../engine/place.ts';
import type { Api } from './api.ts';
import { type Line, linesOf } from './lines.ts';
import { field, list } from './objects.ts';

/** What is known of a pod, for a failed test: what all of its containers wrote, how they are, and what the kubelet told. */
export async function reportOf(place: Place, api: Api, namespace: string, pod: string): Promise<string> {
  const containers = namesIn(place, namespace, pod).map(
    (container) => `${container}:\n${shownLines(linesOf(place.folder, namespace, pod, container))}`,
  );
  return [`${pod}:`, ...containers, await told(api, namespace, pod)].join('\n');
}

/** Lines with their times, and the life of the container that wrote them. */
export function shownLines(lines: readonly Line[]): string {
  return lines
    .map(({ time, text, life }) => `  ${life} ${new Date(time).toISOString().slice(11, 23)} ${text}`)
    .join('\n');
}

function namesIn({ folder }: Place, namespace: string, pod: string): readonly string[] {
  const logs = join(folder, 'pod-logs');
  try {
    return readdirSync(logs)
      .filter((name) => name.startsWith(`${namespace}_${pod}_`))
      .flatMap((name) => readdirSync(join(logs, name)));
  } catch {
    return [];
  }
}

/** The API server may be what the test has stopped. */
async function told(api: Api, namespace: string, pod: string): Promise<string> {
  try {
    const object = await api.get('Pod', pod, namespace);
    const statuses = ['initContainerStatuses', 'containerStatuses'].flatMap((kind) =>
      list(object, 'status', kind).map(
        (status) =>
          `  ${field(status, 'name')}: restarts ${field(status, 'restartCount')}, ${JSON.stringify(field(status, 'state'))}, before ${JSON.stringify(field(status, 'lastState'))}`,
      ),
    );
    const events = (await api.list('Event', namespace))
      .filter((event) => field(event, 'involvedObject', 'name') === pod)
      .map(
        (event) =>
          `  ${field(event, 'lastTimestamp')} ${field(event, 'count')} x ${field(event, 'reason')}: ${field(event, 'message')}`,
      );
    return ['statuses:', ...statuses, 'events:', ...events].join('\n');
  } catch (error) {
    return `the API server does not tell: ${error instanceof Error ? error.message : error}`;
  }
}
