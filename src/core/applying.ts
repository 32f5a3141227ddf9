import type { Action } from './action.ts';
import { textOfBytes } from './bytes.ts';
import { changedPaths, type Snapshot } from './content.ts';
import { requestLook } from './observation.ts';
import {
  applied,
  digestFields,
  failed,
  PATHS_SHOWN,
  pathFields,
  reloadFields,
  superseded,
  withConfiguration,
} from './outcome.ts';
import { isChanged, plan, settleTime } from './plan.ts';
import { type Signal, signalName } from './signals.ts';
import type { Progress, Reload, State } from './state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from './turn.ts';

/* From a change that was seen to an application that was told of it. */

/** Content that never rests is acted on after this many settle times, and at least this long, ms. */
const CEILING_FACTOR = 10;
const CEILING_LEAST = 10_000;

export type In<Phase extends Progress['phase']> = Extract<Progress, { phase: Phase }>;

export function rest(state: State): State {
  return withConfiguration(state, {
    progress: { phase: 'resting' },
    changedAt: undefined,
    awaitVerified: false,
  });
}

export function changed(state: State, turn: Turn): State {
  const { told, seen } = state.configuration;
  const paths = changedPaths(told, seen);
  log(
    turn,
    'info',
    'config.changed',
    `${paths.length} changed: ${paths.slice(0, PATHS_SHOWN).map(textOfBytes).join(', ')}`,
    {
      ...pathFields(paths),
      ...digestFields(told, seen),
    },
  );
  const delay = settleTime(state);
  if (delay === 0) return advance(withConfiguration(state, { changedAt: turn.at }), true, turn);
  setTimer(turn, 'settle', delay);
  setTimer(turn, 'ceiling', Math.max(delay * CEILING_FACTOR, CEILING_LEAST));
  return withConfiguration(state, { progress: { phase: 'settling' }, changedAt: turn.at });
}

/**
 * Takes a change that is to be applied as far as it can go: held back by what must be waited for, then read once more
 * unless what was seen is `fresh`, then acted on.
 */
export function advance(state: State, fresh: boolean, turn: Turn): State {
  const { settings, child, configuration } = state;
  const { paths, actions } = plan(state);
  const holding = withConfiguration(state, { progress: { phase: 'holding' } });
  if (child.phase !== 'running') return holding;
  const stops = actions.some((action) => action.kind === 'restart' || action.kind === 'exit');
  if ((stops || configuration.awaitVerified) && !child.verified) return holding;
  const { lastApply } = configuration;
  const wait = lastApply === undefined ? 0 : lastApply + settings.minInterval - turn.at;
  if (wait > 0 && configuration.requested.length === 0) {
    setTimer(turn, 'min-interval', Math.ceil(wait));
    return holding;
  }
  clearTimers(turn, 'min-interval');
  if (fresh) return act(state, paths, actions, turn);
  const { state: looking, look } = requestLook(state, turn);
  return withConfiguration(looking, { progress: { phase: 'reading', look } });
}

/** Begins a reload; the one that was only being verified ends with it. */
function beginReload(
  state: State,
  paths: readonly string[],
  actions: readonly Action[],
  turn: Turn,
): { readonly begun: State; readonly reload: Reload } {
  const superseding = superseded(state, turn, 'newer content is being applied');
  const { configuration } = superseding;
  const since = configuration.changedAt ?? turn.at;
  const reload = {
    id: configuration.reloads + 1,
    since,
    paths,
    actions,
    requested: configuration.requested,
  };
  const begun = withConfiguration(superseding, {
    reloads: reload.id,
    requested: [],
    changedAt: undefined,
    awaitVerified: false,
  });
  return { begun, reload };
}

function act(state: State, paths: readonly string[], actions: readonly Action[], turn: Turn): State {
  const { configuration } = state;
  const { begun, reload } = beginReload(state, paths, actions, turn);
  const [first] = actions;
  switch (first?.kind) {
    case undefined:
    case 'none':
      return applied(
        rest(withConfiguration(begun, { told: configuration.seen, lastApply: turn.at })),
        reload,
        turn,
      );
    case 'restart':
    case 'exit':
      return stopFor(begun, reload, turn);
    case 'http':
    case 'exec':
    case 'signal': {
      const signals = actions.flatMap((action) => (action.kind === 'signal' ? [action.signal] : []));
      return sendNext(begun, reload, configuration.seen, signals, turn);
    }
    default:
      return first satisfies never;
  }
}

/** A child is being started for another reason, and reads what changed: that is a reload as well. */
export function startFor(state: State, paths: readonly string[], turn: Turn): State {
  const { begun, reload } = beginReload(state, paths, [{ kind: 'restart' }], turn);
  return underWay(begun, reload, 'the child is being started in any case', turn);
}

/** Stops the child, for a new one to start or for rehup to end with it. */
function stopFor(state: State, reload: Reload, turn: Turn): State {
  const exits = reload.actions.some((action) => action.kind === 'exit');
  turn.notices.push({ type: 'stop-child', afterwards: exits ? 'exit' : 'start' });
  return underWay(state, reload, 'the child is stopped', turn);
}

function underWay(state: State, reload: Reload, what: string, turn: Turn): State {
  log(turn, 'info', 'reload.started', `reload ${reload.id}: ${what}`, reloadFields(reload));
  const snapshot = state.configuration.seen;
  return withConfiguration(state, {
    told: snapshot,
    lastApply: turn.at,
    progress: { phase: 'acting', reload, snapshot, remaining: [] },
  });
}

function sendNext(
  state: State,
  reload: Reload,
  snapshot: Snapshot,
  signals: readonly Signal[],
  turn: Turn,
): State {
  const [signal] = signals;
  if (signal === undefined || state.child.phase !== 'running') {
    return verify(withConfiguration(rest(state), { told: snapshot }), reload, turn);
  }
  const { pid } = state.child;
  turn.effects.push({
    type: 'signal',
    pid,
    signal,
    to: 'child',
    purpose: 'reload',
    wake: false,
    onlyIfCaught: true,
  });
  return withConfiguration(state, { progress: { phase: 'acting', reload, snapshot, remaining: signals } });
}

/** What became of a reload signal. One that the child does not catch would end it or be ignored: a restart does better. */
export function signalled(
  state: State,
  progress: In<'acting'>,
  event: EventOf<'signalled'>,
  turn: Turn,
): State {
  if (event.purpose !== 'reload') return state;
  const { reload, snapshot, remaining } = progress;
  const name = signalName(event.signal);
  const { outcome } = event;
  switch (outcome.kind) {
    case 'sent':
      if (outcome.caught === undefined) {
        log(
          turn,
          'warn',
          'reload.unchecked',
          `${name} was sent, but /proc does not tell whether the child catches it`,
          {
            signal: name,
          },
        );
      }
      return sendNext(
        withConfiguration(state, { lastApply: turn.at }),
        reload,
        snapshot,
        remaining.slice(1),
        turn,
      );
    case 'uncaught':
      return uncaught(state, reload, name, turn);
    case 'failed':
      return failed(
        withConfiguration(rest(state), { told: snapshot }),
        reload,
        `${name}: ${outcome.errno}`,
        turn,
      );
    default:
      return outcome satisfies never;
  }
}

function uncaught(state: State, reload: Reload, name: string, turn: Turn): State {
  if (state.child.phase === 'running' && state.child.verified) {
    log(turn, 'warn', 'reload.restart_instead', `the child does not catch ${name}: it is restarted instead`, {
      signal: name,
    });
    return stopFor(state, { ...reload, actions: [{ kind: 'restart' }] }, turn);
  }
  // The child is young, and may only not have got as far as to install its handler.
  log(turn, 'info', 'reload.held', `the child does not catch ${name} yet: its start is awaited`, {
    signal: name,
  });
  const held = withConfiguration(state, {
    progress: { phase: 'holding' },
    changedAt: reload.since,
    requested: reload.requested,
    reloads: reload.id - 1,
    awaitVerified: true,
  });
  return advance(held, false, turn);
}

/** The action is done; whether it did well shows within the verify time. */
function verify(state: State, reload: Reload, turn: Turn): State {
  const { verify: time } = state.settings;
  if (time === 0) return again(applied(state, reload, turn), turn);
  setTimer(turn, 'verify-reload', time);
  log(turn, 'info', 'reload.started', `reload ${reload.id}: the child was told`, reloadFields(reload));
  return again(withConfiguration(state, { verifying: reload }), turn);
}

/** After an action: what changed or was asked for meanwhile is next. */
export function again(state: State, turn: Turn): State {
  const { configuration } = state;
  if (configuration.requested.length > 0) return advance(state, false, turn);
  return isChanged(configuration) ? changed(state, turn) : state;
}
