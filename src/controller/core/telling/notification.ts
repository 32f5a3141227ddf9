import type { Decision, Telling } from '../planning/decision.ts';

/** What webhooks are told (specification 9, `--notify-file`). */

export type Hook = { readonly url: string; readonly shape: 'generic' | 'slack' };

/** Lines of a file: `URL` or `URL slack`; empty ones and those that begin with # say nothing. What is wrong is told by its number. */
export function parseHooks(file: string): readonly Hook[] | string {
  const hooks: Hook[] = [];
  for (const [index, line] of file.split('\n').entries()) {
    const words = line.trim().split(/\s+/);
    const [url = '', shape = 'generic', ...more] = words;
    if (url === '' || url.startsWith('#')) continue;
    if (!/^https?:\/\/[^/\s]+/.test(url) || more.length > 0 || (shape !== 'generic' && shape !== 'slack'))
      return `line ${index + 1} is neither URL nor URL slack`;
    hooks.push({ url, shape });
  }
  return hooks;
}

/** Scheme and host: all of a webhook that others may know. */
export function whereOf({ url }: Pick<Hook, 'url'>): string {
  const [, scheme = '', host = ''] = /^(https?:\/\/)(?:[^/?#]*@)?([^/?#]*)/.exec(url) ?? [];
  return `${scheme}${host}`;
}

export const OCCASIONS = ['failed', 'halted', 'resumed'] as const;

export type Occasion = (typeof OCCASIONS)[number];

/** One workload of which webhooks are told. */
export type Notification = {
  readonly occasion: Occasion;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly message: string;
};

/** What is told of a decision beside its Event; undefined for nothing. */
export function notificationOf(
  { workload }: Decision,
  { reason, message }: Telling,
): Notification | undefined {
  const { kind, namespace, name, state } = workload;
  const of = { kind, namespace, name, message };
  switch (reason) {
    case 'Failed':
      return { occasion: 'failed', ...of };
    case 'Halted':
      return { occasion: 'halted', ...of };
    case 'Started':
      return state?.phase === 'failed' ? { occasion: 'resumed', ...of } : undefined;
    case 'Completed':
    case 'Skipped':
    case 'Adopted':
    case 'RolledBack':
      return undefined;
    default:
      return reason satisfies never;
  }
}

/** So many workloads are named. */
const NAMED = 20;

/** Those that say the same are told in one message, and what failed before what is halted by that. */
export function grouped(notifications: readonly Notification[]): readonly (readonly Notification[])[] {
  const groups = new Map<string, Notification[]>();
  for (const one of notifications) {
    const key = `${one.occasion} ${one.namespace} ${one.message}`;
    const group = groups.get(key) ?? [];
    group.push(one);
    groups.set(key, group);
  }
  return OCCASIONS.flatMap((occasion) =>
    [...groups.values()].filter(([first]) => first?.occasion === occasion),
  );
}

/** What is posted, as JSON. */
export function payloadOf(shape: Hook['shape'], group: readonly Notification[], now: number): object {
  const [first] = group;
  const { occasion = 'failed', namespace = '', message = '' } = first ?? {};
  const names = group.slice(0, NAMED).map(({ kind, name }) => `${kind} ${name}`);
  if (shape === 'slack') {
    const more = group.length > NAMED ? ` and ${group.length - NAMED} more` : '';
    return {
      text: escaped(`rehup: roll-out ${occasion} in ${namespace}: ${names.join(', ')}${more}: ${message}`),
    };
  }
  return {
    version: 1,
    event: `rollout.${occasion}`,
    time: new Date(now).toISOString(),
    namespace,
    count: group.length,
    workloads: group.slice(0, NAMED).map(({ kind, name }) => ({ kind, name })),
    message,
  };
}

/** Slack's three characters of control. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
