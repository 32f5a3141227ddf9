import { actionName } from './action.ts';
import { textOfBytes } from './bytes.ts';
import type { Snapshot } from './content.ts';
import type { LogLine } from './log.ts';
import type { Configuration, Reload, State } from './state.ts';
import { clearTimers, log, type Turn } from './turn.ts';

/* How a reload ends, and what is told of it: each has exactly one outcome. */

export function withConfiguration(state: State, change: Partial<Configuration>): State {
  return { ...state, configuration: { ...state.configuration, ...change } };
}

/** Paths named in a log line; the rest is counted. */
export const PATHS_SHOWN = 20;

export function pathFields(paths: readonly string[]): LogLine['fields'] {
  return { paths: paths.slice(0, PATHS_SHOWN).map(textOfBytes), changed: paths.length };
}

/** The digests of the watches whose content differs, shortened to 12 digits (specification 6). */
export function digestFields(told: Snapshot, seen: Snapshot): LogLine['fields'] {
  const differing = [...seen].filter(([path, content]) => told.get(path)?.digest !== content.digest);
  return {
    digests: differing.map(([path, { digest }]) => `${textOfBytes(path)} ${digest.slice(0, 12) || 'empty'}`),
  };
}

export function reloadFields(reload: Reload): LogLine['fields'] {
  return {
    reload: reload.id,
    action: reload.actions.map(actionName).join(' ') || 'none',
    ...pathFields(reload.paths),
  };
}

function timedFields(reload: Reload, turn: Turn): LogLine['fields'] {
  return { ...reloadFields(reload), ms: Math.round(turn.at - reload.since) };
}

export function applied(state: State, reload: Reload, turn: Turn): State {
  log(turn, 'info', 'reload.applied', `reload ${reload.id} applied`, timedFields(reload, turn));
  return withConfiguration(state, { verifying: undefined });
}

export function failed(state: State, reload: Reload, reason: string, turn: Turn): State {
  log(turn, 'error', 'reload.failed', `reload ${reload.id} failed: ${reason}`, {
    ...timedFields(reload, turn),
    reason,
  });
  return withConfiguration(state, { verifying: undefined });
}

export function superseded(state: State, turn: Turn, reason: string): State {
  const reload = state.configuration.verifying;
  if (reload === undefined) return state;
  clearTimers(turn, 'verify-reload');
  log(turn, 'info', 'reload.superseded', `reload ${reload.id}: ${reason}`, {
    ...timedFields(reload, turn),
    reason,
  });
  return withConfiguration(state, { verifying: undefined });
}
