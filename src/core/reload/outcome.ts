import { differing, type Snapshot, sameSnapshot } from '../files/snapshot.ts';
import { isOnTrial } from '../gate/stages.ts';
import type { LogLine } from '../log/log.ts';
import { actionName, isRestarting } from '../state/action.ts';
import type { Reload } from '../state/progress.ts';
import type { Outcome } from '../state/record.ts';
import { type State, withConfiguration, withGate } from '../state/state.ts';
import { clearTimers, log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { parentPath } from '../text/path.ts';
import { clearAlarm, raiseAlarm } from './alarm.ts';

/* How a reload ends, and what is told of it: each has exactly one outcome. */

/** Paths named in a log line; the rest is counted. */
export const PATHS_SHOWN = 20;

export function pathFields(paths: readonly string[]): LogLine['fields'] {
  return { paths: paths.slice(0, PATHS_SHOWN).map(textOfBytes), changed: paths.length };
}

/** The digests of the watches whose content differs, shortened to 12 digits (specification 6). */
export function digestFields(
  told: Snapshot,
  seen: Snapshot,
  paths: readonly string[] = [],
): LogLine['fields'] {
  const digests: Record<string, string> = {};
  const others = new Set(differing(told, seen));
  for (const path of others.size > 0 ? others : watchesOf(paths, seen)) {
    const content = seen.get(path);
    if (content !== undefined) digests[textOfBytes(path)] = content.digest.slice(0, 12) || 'empty';
  }
  return { digests };
}

/** The watches that files lie in which a first try has told already. */
function watchesOf(paths: readonly string[], seen: Snapshot): ReadonlySet<string> {
  const watches = new Set<string>();
  for (const path of paths.slice(0, PATHS_SHOWN)) {
    let place = path;
    while (!seen.has(place) && place !== '/') place = parentPath(place);
    watches.add(place);
  }
  return watches;
}

export function reloadFields(reload: Reload): LogLine['fields'] {
  return {
    reload: reload.id,
    action: reload.actions.map(actionName).map(textOfBytes).join(' ') || 'none',
    ...pathFields(reload.paths),
    ...digestFields(reload.from, reload.snapshot, reload.paths),
  };
}

function timedFields(reload: Reload, turn: Turn): LogLine['fields'] {
  return { ...reloadFields(reload), ms: Math.round(turn.at - reload.since) };
}

/** So many applies within this time are flapping (specification 5, *calm*). */
const FLAPPING = 6;
const FLAPPING_WINDOW = 10 * 60_000;

/** From here on the application has been told: this content is not tried again by itself. */
export function begun(state: State, reload: Reload, turn: Turn): State {
  const { configuration } = state;
  const recent = configuration.applies.filter((at) => turn.at - at < FLAPPING_WINDOW);
  // Trying again what nobody answered is no new content.
  const counts = reload.paths.length > 0 && configuration.retries === 0;
  const applies = counts ? [...recent, turn.at].slice(-FLAPPING) : recent;
  const flapping = applies.length >= FLAPPING;
  if (flapping && !configuration.flapping) {
    const message = `${applies.length} reloads within ten minutes: something writes the configuration all the time`;
    log(turn, 'warn', 'watch.flapping', message, { reloads: applies.length });
  }
  return withConfiguration(state, {
    told: reload.snapshot,
    cutOff: undefined,
    lastApply: turn.at,
    applies,
    flapping,
  });
}

/** Tells those who remember it, or wait for it. */
function end(reload: Reload, outcome: Outcome, reason: string | undefined, turn: Turn): void {
  turn.notices.push({ type: 'reload-ended', reload, outcome, reason });
}

/** It did what it was to do: what was told is what the application runs on. A roll-back has done that for the old content. */
export function applied(state: State, reload: Reload, turn: Turn): State {
  const { rollback } = reload;
  const { told, seen, barred } = state.configuration;
  clearTimers(turn, 'verify-reload');
  const verified = keepGood(
    withConfiguration(state, { verifying: undefined, applied: told }),
    rollback !== undefined,
    turn,
  );
  if (rollback !== undefined) {
    end(reload, 'rolled_back', rollback, turn);
    log(turn, 'error', 'reload.rolled_back', `reload ${reload.id} rolled back: ${rollback}`, {
      ...timedFields(reload, turn),
      reason: rollback,
    });
    // Good content that came back meanwhile is what the application runs on.
    if (!sameSnapshot(told, seen)) return raiseAlarm(verified, reload.paths, rollback, turn);
  } else {
    end(reload, 'applied', undefined, turn);
    log(turn, 'info', 'reload.applied', `reload ${reload.id} applied`, timedFields(reload, turn));
    // It was asked for, or a start led to it; what failed before is still to be answered for where it is still there.
    const settled = barred === undefined || sameSnapshot(told, barred) || sameSnapshot(told, seen);
    if (!settled) return verified;
  }
  clearTimers(turn, 'retry');
  return clearAlarm(withConfiguration(verified, { retries: 0, retrying: [], barred: undefined }), turn);
}

/** Remembers what is active as good, over restarts of the container too. */
export function keepGood(state: State, always: boolean, turn: Turn): State {
  const { staged = [], transit } = state.gate;
  if (staged.length === 0 || (!always && !isOnTrial(state.gate))) return state;
  const generations = staged.flatMap(({ stage, active }) =>
    active === undefined ? [] : [{ stage, name: active.name }],
  );
  const job = state.jobs + 1;
  turn.effects.push({
    type: 'stage',
    job,
    task: { op: 'keep', generations, newer: transit.phase === 'closed' },
  });
  return withGate({ ...state, jobs: job }, { staged: staged.map((one) => ({ ...one, good: one.active })) });
}

/** The application may or may not run on the content: it is not told of it again, and somebody should look. */
export function failed(
  state: State,
  reload: Reload,
  reason: string,
  turn: Turn,
  output: LogLine['fields'] = {},
): State {
  clearTimers(turn, 'verify-reload');
  end(reload, 'failed', reason, turn);
  log(turn, 'error', 'reload.failed', `reload ${reload.id} failed: ${reason}`, {
    ...timedFields(reload, turn),
    reason,
    ...output,
  });
  const { told, seen, applied: good, unanswered } = state.configuration;
  // What was told before without an answer leaves it open what the application runs on; this has its verdict all the same.
  const isOpen = unanswered !== undefined && reload.rollback === undefined;
  const over = withConfiguration(state, {
    verifying: undefined,
    ...(isOpen ? { barred: reload.snapshot } : {}),
  });
  // It was only asked for: the application runs on what it has, which is the present content.
  const idle = reload.paths.length === 0 && good !== undefined && sameSnapshot(told, good);
  return idle && sameSnapshot(told, seen) ? over : raiseAlarm(over, reload.paths, reason, turn);
}

/** The content was found bad before the application could see it. */
export function rejected(
  state: State,
  reload: Reload,
  reason: string,
  fields: LogLine['fields'],
  turn: Turn,
): State {
  end(reload, 'rejected', reason, turn);
  log(turn, 'error', 'reload.rejected', `reload ${reload.id} rejected: ${reason}`, {
    ...timedFields(reload, turn),
    reason,
    ...fields,
  });
  const barred = withConfiguration(state, { barred: reload.snapshot });
  return raiseAlarm(barred, reload.paths, reason, turn);
}

export function supersededBy(state: State, reload: Reload, reason: string, turn: Turn): State {
  end(reload, 'superseded', reason, turn);
  log(turn, 'info', 'reload.superseded', `reload ${reload.id}: ${reason}`, {
    ...timedFields(reload, turn),
    reason,
  });
  return state;
}

/** The reload that is only being verified ends, since something else begins. */
export function superseded(state: State, turn: Turn, reason: string): State {
  const { verifying } = state.configuration;
  if (verifying === undefined) return state;
  clearTimers(turn, 'verify-reload');
  const { reload } = verifying;
  const cutOff = reload.actions.some(isRestarting) || reload.rollback !== undefined ? undefined : reload;
  return withConfiguration(supersededBy(state, reload, reason, turn), { verifying: undefined, cutOff });
}

/** Delays before content is tried again of which nothing is known: doubled from the first to the last, ms. */
export const CHECK_BACK_OFF = 10_000;
export const ANSWER_BACK_OFF = 1_000;
const LAST_BACK_OFF = 5 * 60_000;

/** Tries the present content again after a while, with these actions besides what the change asks for. */
export function retryLater(
  state: State,
  first: number,
  retrying: State['configuration']['retrying'],
  turn: Turn,
): State {
  const { retries } = state.configuration;
  setTimer(turn, 'retry', Math.min(first * 2 ** retries, LAST_BACK_OFF));
  return withConfiguration(state, { retries: retries + 1, retrying });
}
