import { DURATION_BOUNDS, HELD_REASONS, OUTCOMES, START_REASONS } from '../state/record.ts';
import type { State } from '../state/state.ts';
import { type Asked, waitingFor, wallOf, watchFacts, wishOf } from './facts.ts';

/** One sample: its labels, and its value. */
type Sample = {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
  readonly suffix?: string;
};

type Metric = {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
};

/** The metrics of a running rehup in Prometheus' text format 0.0.4 (specification 6). */
export function metricsOf(state: State, asked: Asked): string {
  return metrics(state, asked)
    .filter(({ samples }) => samples.length > 0)
    .map(written)
    .join('');
}

function metrics(state: State, asked: Asked): readonly Metric[] {
  const { record, configuration, child, identity, slot } = state;
  const wish = wishOf(slot);
  const watches = watchFacts(state);
  const waiting = waitingFor(state);
  const { lastGood, lastAppliedAt, durations } = record;
  return [
    counter(
      'rehup_reloads_total',
      'Reloads that ended, by their outcome.',
      OUTCOMES.map((outcome) => ({
        labels: { outcome },
        value: record.outcomes.get(outcome) ?? 0,
      })),
    ),
    {
      name: 'rehup_reload_duration_seconds',
      type: 'histogram',
      help: 'From the beginning of a reload to its outcome.',
      samples: [
        ...DURATION_BOUNDS.map((bound, index) => ({
          suffix: '_bucket',
          labels: { le: String(bound) },
          value: durations.counts[index] ?? 0,
        })),
        { suffix: '_bucket', labels: { le: '+Inf' }, value: durations.count },
        { suffix: '_sum', value: durations.sum / 1_000 },
        { suffix: '_count', value: durations.count },
      ],
    },
    gauge(
      'rehup_reload_wait_seconds',
      'How long a change has been waiting, by what it waits for.',
      HELD_REASONS.map((reason) => ({
        labels: { reason },
        value: waiting?.reason === reason ? (asked.at - waiting.since) / 1_000 : 0,
      })),
    ),
    gauge(
      'rehup_config_last_reload_successful',
      'Whether the last verdict on a reload was a good one.',
      lastGood === undefined ? [] : [{ value: lastGood ? 1 : 0 }],
    ),
    gauge(
      'rehup_config_last_reload_success_timestamp_seconds',
      'When content was last applied.',
      lastAppliedAt === undefined ? [] : [{ value: wallOf(lastAppliedAt, asked) / 1_000 }],
    ),
    gauge(
      'rehup_config_info',
      'The content that the application runs on.',
      watches.map(({ path, applied, keyed }) => ({
        labels: { watch: path, ...(keyed || applied === undefined ? {} : { digest: applied }) },
        value: 1,
      })),
    ),
    gauge(
      'rehup_config_stale',
      'Whether content that was seen is not applied, and nothing is under way for it.',
      watches.map(({ path, stale }) => flag(path, stale)),
    ),
    gauge(
      'rehup_config_pending',
      'Whether content that was seen is being applied.',
      watches.map(({ path, pending }) => flag(path, pending)),
    ),
    gauge('rehup_degraded', 'Whether the application does not run on the content that is there.', [
      { value: configuration.degraded === undefined ? 0 : 1 },
    ]),
    gauge(
      'rehup_fleet_lock_held',
      'Whether a slot of the fleet is held.',
      slot.phase === 'off' ? [] : [{ value: slot.phase === 'held' ? 1 : 0 }],
    ),
    gauge(
      'rehup_fleet_lock_wait_seconds',
      'How long a slot of the fleet has been waited for.',
      slot.phase === 'off' ? [] : [{ value: wish === undefined ? 0 : (asked.at - wish.since) / 1_000 }],
    ),
    gauge('rehup_child_up', 'Whether the child runs.', [{ value: child.phase === 'running' ? 1 : 0 }]),
    counter(
      'rehup_child_starts_total',
      'Starts of the child, by what led to them.',
      START_REASONS.map((reason) => ({
        labels: { reason },
        value: record.starts.get(reason) ?? 0,
      })),
    ),
    gauge(
      'rehup_watch_mode',
      'Whether events tell of changes, or the poll.',
      watches.map(({ path, mode }) => ({
        labels: { watch: path, mode },
        value: 1,
      })),
    ),
    counter(
      'rehup_watch_errors_total',
      'How often a watch could not be looked at.',
      watches.map(({ path, errors }) => ({
        labels: { watch: path },
        value: errors,
      })),
    ),
    counter('rehup_zombies_reaped_total', 'Orphans that rehup reaped.', [{ value: asked.host.reaped }]),
    counter('rehup_log_lines_dropped_total', 'Lines of the log that nobody took.', [
      { value: asked.host.dropped },
    ]),
    gauge('rehup_build_info', 'The version and the edition of rehup.', [
      { labels: { version: identity.version, edition: identity.edition }, value: 1 },
    ]),
  ];
}

function counter(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, type: 'counter', help, samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, type: 'gauge', help, samples };
}

function flag(watch: string, value: boolean): Sample {
  return { labels: { watch }, value: value ? 1 : 0 };
}

function written({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ labels = {}, value, suffix = '' }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`;
}

/** A label's value as the format wants it: backslash, quote and newline escaped. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
