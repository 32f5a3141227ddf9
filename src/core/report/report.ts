import type { LogLine } from '../log/log.ts';
import { describeStatus } from '../process/exit.ts';
import { DURATION_BOUNDS, type EndedReload, type Outcome, RECENT, type Record } from '../state/record.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, type Table, type Turn } from '../state/turn.ts';
import { startFields, startSummary } from './startup.ts';
import { warn, warnOfMissing } from './warnings.ts';

/*
 * Room `report/`: what status, metrics, page and log tell, as one projection of the state; and the machine that remembers what
 * is over. May not know who asks, and decides nothing.
 */

function withRecord(state: State, change: Partial<Record>): State {
  return { ...state, record: { ...state.record, ...change } };
}

function counted<Key>(counts: ReadonlyMap<Key, number>, key: Key): ReadonlyMap<Key, number> {
  return new Map([...counts, [key, (counts.get(key) ?? 0) + 1]]);
}

/** Superseded is no verdict: nothing became known of the content. */
function verdictOf(outcome: Outcome): boolean | undefined {
  return outcome === 'superseded' ? undefined : outcome === 'applied';
}

function reloadEnded(state: State, _part: unknown, event: EventOf<'reload-ended'>, turn: Turn): State {
  const { record } = state;
  const { reload, outcome, reason } = event;
  const took = turn.at - reload.begun;
  const ended: EndedReload = {
    id: reload.id,
    outcome,
    at: turn.at,
    took,
    paths: reload.paths.slice(0, RECENT),
    changed: reload.paths.length,
    reason,
  };
  const { counts, count, sum } = record.durations;
  return withRecord(state, {
    outcomes: counted(record.outcomes, outcome),
    durations: {
      counts: counts.map((known, index) => known + (took <= (DURATION_BOUNDS[index] ?? 0) * 1_000 ? 1 : 0)),
      count: count + 1,
      sum: sum + took,
    },
    recent: [...record.recent, ended].slice(-RECENT),
    lastGood: verdictOf(outcome) ?? record.lastGood,
    lastAppliedAt: outcome === 'applied' ? turn.at : record.lastAppliedAt,
  });
}

function started(state: State, _part: unknown, { why }: EventOf<'child-started'>): State {
  return withRecord(state, { starts: counted(state.record.starts, why) });
}

/** The first line of all says what this rehup runs on; with `--dry-run` that is all. */
function startAsked(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  const { record, settings, server, pid1 } = state;
  if (record.announced) return state;
  if (settings.dryRun) turn.effects.push({ type: 'print', text: startSummary(state) });
  else announce(state, turn);
  if (!settings.dryRun && !pid1)
    log(turn, 'info', 'rehup.subreaper', 'not PID 1: adopting the orphans of the child only');
  if (server.leftOut !== undefined && !settings.dryRun)
    log(turn, 'info', 'socket.left_out', `no control socket: ${server.leftOut}`, { reason: server.leftOut });
  return withRecord(state, { announced: true, seeking: warn(state, turn) });
}

/** What was looked for was found, or not. */
function sought(state: State, _part: unknown, { missing }: EventOf<'sought'>, turn: Turn): State {
  warnOfMissing(state, missing, turn);
  if (state.settings.dryRun) turn.notices.push({ type: 'gate-free' });
  return withRecord(state, { seeking: false });
}

/** What the look that came before it had to say follows. */
function announce(state: State, turn: Turn): void {
  const { version, edition } = state.identity;
  const line: LogLine = {
    level: 'info',
    event: 'rehup.started',
    message: `rehup ${version} (${edition}) watches ${state.observation.watched.length}`,
    fields: startFields(state),
  };
  turn.effects.unshift({ type: 'log', line });
}

function ended(state: State, _part: unknown, event: EventOf<'child-ended'>): State {
  return withRecord(state, { lastExit: describeStatus(event.status) });
}

/** Those who may not be signalled stay when the others are gone, and are told last. */
function leftovers(state: State, _part: unknown, { processes }: EventOf<'leftovers'>): State {
  return withRecord(state, { leftovers: processes });
}

function watchError(state: State, _part: unknown, event: EventOf<'watch-error'>): State {
  return withRecord(state, { watchErrors: counted(state.record.watchErrors, event.path) });
}

function degraded(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  return withRecord(state, { degradedSince: turn.at });
}

function recovered(state: State): State {
  return withRecord(state, { degradedSince: undefined });
}

type RecordKey =
  | 'sought'
  | 'start-asked'
  | 'reload-ended'
  | 'child-started'
  | 'child-ended'
  | 'leftovers'
  | 'watch-error'
  | 'degraded'
  | 'recovered';

/** What is remembered of each event; there is one phase, in which nothing is decided. */
export const RECORD: Table<{ readonly phase: 'remembering' }, RecordKey> = {
  remembering: {
    sought,
    'start-asked': startAsked,
    'reload-ended': reloadEnded,
    'child-started': started,
    'child-ended': ended,
    leftovers,
    'watch-error': watchError,
    degraded,
    recovered,
  },
};
