import { timestamp } from '../log/json.ts';
import type { State } from '../state/state.ts';
import { textOfBytes } from '../text/bytes.ts';
import { type Asked, waitingFor, wallOf, watchFacts, wishOf } from './facts.ts';

/** The version of the shape, which only grows. */
export const STATUS_VERSION = 1;

/** What rehup sees and did, as `/status` and `rehup status --json` have it. The shape is in docs/operations.md. */
export type Status = ReturnType<typeof statusOf>;

/** The status of a running rehup; times are RFC 3339, in UTC, durations in ms. No content of a file, no output of a check. */
export function statusOf(state: State, asked: Asked) {
  const { settings, child, configuration, record, gate, announced } = state;
  const time = (at: number) => timestamp(wallOf(at, asked));
  const waiting = waitingFor(state);
  return {
    version: STATUS_VERSION,
    rehup: {
      version: state.identity.version,
      edition: state.identity.edition,
      time: timestamp(asked.host.wall),
    },
    child: {
      phase: child.phase,
      // Its arguments may hold what nobody should see.
      program: settings.sidecar ? 'another container' : textOfBytes(settings.command[0] ?? ''),
      pid: 'pid' in child && child.pid !== 0 ? child.pid : null,
      since: 'since' in child ? time(child.since) : null,
      starts: Object.fromEntries(record.starts),
      lastExit: record.lastExit ?? null,
      says: announced.status === undefined ? null : textOfBytes(announced.status),
    },
    degraded:
      configuration.degraded === undefined
        ? null
        : {
            reason: configuration.degraded,
            since: record.degradedSince === undefined ? null : time(record.degradedSince),
          },
    watches: watchFacts(state).map((watch) => ({
      ...watch,
      action: watch.action ?? null,
      system: watch.system ?? null,
      generation: watch.generation ?? null,
      seen: watch.seen ?? null,
      applied: watch.applied ?? null,
      error: watch.error ?? null,
    })),
    stages: (gate.staged ?? []).map(({ stage, inMemory, active, good }) => ({
      source: textOfBytes(stage.source),
      target: textOfBytes(stage.target),
      inMemory,
      active: active === undefined ? null : textOfBytes(active.name),
      good: good === undefined ? null : textOfBytes(good.name),
    })),
    waiting:
      waiting === undefined
        ? null
        : {
            reason: waiting.reason,
            since: time(waiting.since),
            until: waiting.until === undefined ? null : time(waiting.until),
          },
    fleet: settings.fleet === undefined ? null : fleetFacts(state, time),
    reloads: record.recent.map(({ id, outcome, at, took, paths, changed, reason }) => ({
      reload: id,
      outcome,
      time: time(at),
      ms: Math.round(took),
      paths: paths.map(textOfBytes),
      changed,
      reason: reason ?? null,
    })),
    leftovers: record.leftovers,
    zombiesReaped: asked.host.reaped,
    logLinesDropped: asked.host.dropped,
  };
}

/** The slot of this replica among its fleet. */
function fleetFacts({ settings, identity, slot }: State, time: (at: number) => string) {
  const wish = wishOf(slot);
  const since = slot.phase === 'held' ? slot.since : wish?.since;
  return {
    server: textOfBytes(settings.fleet?.endpoint.text ?? ''),
    group: textOfBytes(settings.fleet?.group ?? ''),
    id: textOfBytes(settings.fleet?.id ?? identity.host),
    slot: slot.phase === 'held' ? 'held' : wish === undefined ? 'none' : 'waiting',
    since: since === undefined ? null : time(since),
    refusal: wish?.refusal ?? null,
  };
}
