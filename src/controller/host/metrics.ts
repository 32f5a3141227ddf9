import type { Webhook } from '../core/telling/status.ts';
import type { Client } from './client.ts';
import type { Runner } from './runner.ts';

/** `/metrics`, in the text format of Prometheus. */
export function metricsText(
  runner: Runner,
  client: Client,
  isLeader: boolean,
  fleet: ReadonlyMap<number, number>,
  webhooks: readonly Webhook[],
): string {
  const phases = new Map<string, number>();
  for (const { state } of runner.store.workloads.values()) {
    const phase = state?.phase ?? 'unseen';
    phases.set(phase, (phases.get(phase) ?? 0) + 1);
  }
  const labelled = (name: string, label: string, values: ReadonlyMap<string, number>) =>
    [...values].map(([value, count]) => `${name}{${label}="${value}"} ${count}`);
  const calls = [...client.counts].map(([call, count]) => {
    const [method = '', code = ''] = call.split(' ');
    return `rehup_controller_api_requests_total{method="${method}",code="${code}"} ${count}`;
  });
  return [
    ...family('rehup_controller_leader', 'gauge', 'Whether this one is the leader.', [
      `rehup_controller_leader ${isLeader ? 1 : 0}`,
    ]),
    ...family(
      'rehup_controller_workloads',
      'gauge',
      'Workloads that take part, by what came of them.',
      labelled('rehup_controller_workloads', 'phase', phases),
    ),
    ...family('rehup_controller_objects', 'gauge', 'ConfigMaps and Secrets that are known.', [
      `rehup_controller_objects ${runner.store.objects.size}`,
    ]),
    ...family(
      'rehup_controller_events_total',
      'counter',
      'What was told of workloads, by reason.',
      labelled('rehup_controller_events_total', 'reason', runner.told),
    ),
    ...family('rehup_controller_refused', 'gauge', 'Workloads that refuse to be changed.', [
      `rehup_controller_refused ${runner.refused()}`,
    ]),
    ...family('rehup_controller_queue_length', 'gauge', 'Workloads and requests that wait for their turn.', [
      `rehup_controller_queue_length ${runner.waiting() + client.waiting()}`,
    ]),
    ...family(
      'rehup_controller_fleet_requests_total',
      'counter',
      'Requests for slots of a fleet and their returns, by the answer.',
      [...fleet].map(([code, count]) => `rehup_controller_fleet_requests_total{code="${code}"} ${count}`),
    ),
    ...family(
      'rehup_controller_notifications_total',
      'counter',
      'Webhooks that were told of a failure, a halt or a resumption, and that could not be told.',
      ['sent', 'failed'].map((outcome) => {
        const count = webhooks.reduce(
          (sum, { sent, failed }) => sum + (outcome === 'sent' ? sent : failed),
          0,
        );
        return `rehup_controller_notifications_total{outcome="${outcome}"} ${count}`;
      }),
    ),
    ...family('rehup_controller_api_requests_total', 'counter', 'Requests to the API server.', calls),
    '',
  ].join('\n');
}

function family(name: string, type: string, help: string, lines: readonly string[]): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
}
