import { type Action, actionName, mergeActions } from './action.ts';
import { textOfBytes } from './bytes.ts';
import { changedPaths, type Snapshot, sameSnapshot } from './content.ts';
import { describeStatus } from './exit.ts';
import type { LogLine } from './log.ts';
import { requestLook, snapshotOf } from './observation.ts';
import { relativePath } from './path.ts';
import { type Signal, signalName } from './signals.ts';
import type { Configuration, Progress, Reload, State } from './state.ts';
import { clearTimers, type EventOf, log, setTimer, type Table, type Turn } from './turn.ts';

/** Settle times of `auto`, ms (specification 1). */
const SETTLE_ONE_VOLUME = 0;
const SETTLE_VOLUMES = 3_000;
const SETTLE_PLAIN = 250;

/** Content that never rests is acted on after this many settle times, and at least this long, ms. */
const CEILING_FACTOR = 10;
const CEILING_LEAST = 10_000;

/** Paths named in a log line; the rest is counted. */
const PATHS_SHOWN = 20;

type In<Phase extends Progress['phase']> = Extract<Progress, { phase: Phase }>;

function withConfiguration(state: State, change: Partial<Configuration>): State {
  return { ...state, configuration: { ...state.configuration, ...change } };
}

function rest(state: State): State {
  return withConfiguration(state, {
    progress: { phase: 'resting' },
    changedAt: undefined,
    awaitVerified: false,
  });
}

/** The action for each changed file is that of the most specific watch it lies below (specification 1, `--watch`). */
function actionsFor(state: State, paths: readonly string[]): readonly Action[] {
  const { watches } = state.settings;
  const speaking = new Set<string>();
  for (const path of paths) {
    const owners = watches.filter((watch) => relativePath(watch.path, path) !== undefined);
    speaking.add(owners.reduce((best, { path: owner }) => (owner.length > best.length ? owner : best), ''));
  }
  return watches.filter((watch) => speaking.has(watch.path)).map((watch) => watch.action);
}

function settleTime(state: State): number {
  const { settle } = state.settings;
  if (settle !== 'auto') return settle;
  const volumes = new Set(state.observation.watched.map((watched) => watched.volume?.root));
  if (volumes.size > 1 && !volumes.has(undefined)) return SETTLE_VOLUMES;
  if ([...volumes].filter((root) => root !== undefined).length > 1) return SETTLE_VOLUMES;
  return volumes.has(undefined) ? SETTLE_PLAIN : SETTLE_ONE_VOLUME;
}

function isChanged({ told, seen }: Configuration): boolean {
  return !sameSnapshot(told, seen);
}

function pathFields(paths: readonly string[]): LogLine['fields'] {
  return { paths: paths.slice(0, PATHS_SHOWN).map(textOfBytes), changed: paths.length };
}

/** The digests of the watches whose content differs, shortened to 12 digits (specification 6). */
function digestFields(told: Snapshot, seen: Snapshot): LogLine['fields'] {
  const differing = [...seen].filter(([path, content]) => told.get(path)?.digest !== content.digest);
  return {
    digests: differing.map(([path, { digest }]) => `${textOfBytes(path)} ${digest.slice(0, 12) || 'empty'}`),
  };
}

/** A look is over: what it found is compared with what the application was told. */
function content(state: State, progress: Progress, event: EventOf<'content'>, turn: Turn): State {
  const before = state.configuration;
  const seen = snapshotOf(state.observation);
  const now = withConfiguration(state, { seen });
  if (progress.phase === 'baseline' || progress.phase === 'acting') return now;
  if (!isChanged(now.configuration) && before.requested.length === 0) return reverted(now, progress, turn);
  switch (progress.phase) {
    case 'resting':
      return changed(now, turn);
    case 'settling':
      if (!sameSnapshot(before.seen, seen)) setTimer(turn, 'settle', settleTime(now));
      return now;
    case 'holding':
      return now;
    case 'reading':
      return event.look >= progress.look ? advance(now, true, turn) : now;
    default:
      return progress satisfies never;
  }
}

/** The content is what the application was told already: nothing is to be done. */
function reverted(state: State, progress: Progress, turn: Turn): State {
  if (progress.phase === 'resting') return state;
  clearTimers(turn, 'settle', 'ceiling', 'min-interval');
  log(turn, 'info', 'config.reverted', 'the content is again what the application was told');
  return rest(state);
}

function changed(state: State, turn: Turn): State {
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

function settled(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  clearTimers(turn, 'settle', 'ceiling');
  return advance(state, false, turn);
}

function released(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return advance(state, false, turn);
}

/** What a reload of what is told and seen now would do. */
function plan({ configuration, ...state }: State): {
  readonly paths: readonly string[];
  readonly actions: readonly Action[];
} {
  const paths = changedPaths(configuration.told, configuration.seen);
  const actions = actionsFor({ ...state, configuration }, paths);
  return { paths, actions: mergeActions([...actions, ...configuration.requested]) };
}

/**
 * Takes a change that is to be applied as far as it can go: held back by what must be waited for, then read once more
 * unless what was seen is `fresh`, then acted on.
 */
function advance(state: State, fresh: boolean, turn: Turn): State {
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
function act(state: State, paths: readonly string[], actions: readonly Action[], turn: Turn): State {
  const superseding = superseded(state, turn, 'newer content is being applied');
  const { configuration } = superseding;
  const since = configuration.changedAt ?? turn.at;
  const reload: Reload = {
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
    case 'signal': {
      const signals = actions.flatMap((action) => (action.kind === 'signal' ? [action.signal] : []));
      return sendNext(begun, reload, configuration.seen, signals, turn);
    }
    default:
      return first satisfies never;
  }
}

/** Stops the child, for a new one to start or for rehup to end with it. */
function stopFor(state: State, reload: Reload, turn: Turn): State {
  const exits = reload.actions.some((action) => action.kind === 'exit');
  turn.notices.push({ type: 'stop-child', afterwards: exits ? 'exit' : 'start' });
  log(turn, 'info', 'reload.started', `reload ${reload.id}: the child is stopped`, reloadFields(reload));
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
function signalled(state: State, progress: In<'acting'>, event: EventOf<'signalled'>, turn: Turn): State {
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
function again(state: State, turn: Turn): State {
  const { configuration } = state;
  if (configuration.requested.length > 0) return advance(state, false, turn);
  return isChanged(configuration) ? changed(state, turn) : state;
}

function reloadFields(reload: Reload): LogLine['fields'] {
  return {
    reload: reload.id,
    action: reload.actions.map(actionName).join(' ') || 'none',
    ...pathFields(reload.paths),
  };
}

function timedFields(reload: Reload, turn: Turn): LogLine['fields'] {
  return { ...reloadFields(reload), ms: Math.round(turn.at - reload.since) };
}

function applied(state: State, reload: Reload, turn: Turn): State {
  log(turn, 'info', 'reload.applied', `reload ${reload.id} applied`, timedFields(reload, turn));
  return withConfiguration(state, { verifying: undefined });
}

function failed(state: State, reload: Reload, reason: string, turn: Turn): State {
  log(turn, 'error', 'reload.failed', `reload ${reload.id} failed: ${reason}`, {
    ...timedFields(reload, turn),
    reason,
  });
  return withConfiguration(state, { verifying: undefined });
}

function superseded(state: State, turn: Turn, reason: string): State {
  const reload = state.configuration.verifying;
  if (reload === undefined) return state;
  clearTimers(turn, 'verify-reload');
  log(turn, 'info', 'reload.superseded', `reload ${reload.id}: ${reason}`, {
    ...timedFields(reload, turn),
    reason,
  });
  return withConfiguration(state, { verifying: undefined });
}

function verifiedReload(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  const { verifying } = state.configuration;
  return verifying === undefined ? state : applied(state, verifying, turn);
}

/** The child that is about to start reads what was seen last. */
function childStarting(state: State): State {
  return withConfiguration(state, { told: state.configuration.seen });
}

function firstStarted(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return again(rest(state), turn);
}

function restarted(state: State, progress: In<'acting'>, _event: unknown, turn: Turn): State {
  const started = rest(state);
  const verified = state.child.phase === 'running' && state.child.verified;
  const now = verified
    ? applied(started, progress.reload, turn)
    : withConfiguration(started, { verifying: progress.reload });
  return again(now, turn);
}

/** The start is verified, and with it the reload that led to it; a restart that waited for it may begin. */
function childVerified(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  const { verifying } = state.configuration;
  const restarting = verifying?.actions.some((action) => action.kind === 'restart') ?? false;
  const now = verifying !== undefined && restarting ? applied(state, verifying, turn) : state;
  return progress.phase === 'holding' ? advance(now, false, turn) : now;
}

function childEnded(state: State, _progress: Progress, event: EventOf<'child-ended'>, turn: Turn): State {
  const { verifying } = state.configuration;
  if (verifying === undefined) return state;
  clearTimers(turn, 'verify-reload');
  return failed(state, verifying, `the child ${describeStatus(event.status)}`, turn);
}

/** The child ended while it was being told: the signals that are left reach nobody. */
function endedActing(state: State, progress: In<'acting'>, event: EventOf<'child-ended'>, turn: Turn): State {
  const { reload, remaining } = progress;
  if (remaining.length > 0)
    return failed(rest(state), reload, `the child ${describeStatus(event.status)}`, turn);
  const exits = reload.actions.some((action) => action.kind === 'exit');
  return exits ? applied(rest(state), reload, turn) : state;
}

function startFailed(state: State, progress: Progress, event: EventOf<'start-failed'>, turn: Turn): State {
  return progress.phase === 'acting' ? failed(rest(state), progress.reload, event.errno, turn) : state;
}

/** A stop from outside ends whatever is under way. */
function stopped(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  clearTimers(turn, 'settle', 'ceiling', 'min-interval');
  const verifying = progress.phase === 'acting' ? progress.reload : state.configuration.verifying;
  const ending = superseded(withConfiguration(state, { verifying }), turn, 'rehup was asked to stop');
  return rest(withConfiguration(ending, { requested: [] }));
}

/** A request from outside: like a change, but whether or not the content changed, and without waiting for quiet. */
function requested(state: State, progress: Progress, event: EventOf<'reload-requested'>, turn: Turn): State {
  const { configuration } = state;
  const signal = signalName(event.signal);
  log(turn, 'info', 'reload.requested', `${signal} asks for a reload`, { signal });
  const asked = withConfiguration(state, {
    requested: [...configuration.requested, { kind: 'signal', signal: event.signal }],
    changedAt: configuration.changedAt ?? turn.at,
  });
  if (progress.phase === 'acting' || progress.phase === 'reading') return asked;
  clearTimers(turn, 'settle', 'ceiling', 'min-interval');
  return advance(asked, false, turn);
}

type ConfigurationKey =
  | 'content'
  | 'child-starting'
  | 'child-started'
  | 'child-verified'
  | 'child-ended'
  | 'child-resumed'
  | 'start-failed'
  | 'stopped'
  | 'reload-requested'
  | 'signalled'
  | 'timer:settle'
  | 'timer:ceiling'
  | 'timer:min-interval'
  | 'timer:verify-reload';

/** What holds in every phase after the first start; each row below says what differs. */
const UNDER_WAY = {
  content,
  'child-starting': 'impossible',
  'child-started': 'impossible',
  'child-verified': childVerified,
  'child-ended': childEnded,
  'child-resumed': 'ignored',
  'start-failed': 'impossible',
  stopped,
  'reload-requested': requested,
  signalled: 'ignored',
  'timer:settle': 'impossible',
  'timer:ceiling': 'impossible',
  'timer:min-interval': 'impossible',
  'timer:verify-reload': verifiedReload,
} as const;

/** What reloading does with each event. */
export const CONFIGURATION: Table<Progress, ConfigurationKey> = {
  baseline: {
    content,
    'child-starting': childStarting,
    'child-started': firstStarted,
    'child-verified': 'impossible',
    'child-ended': 'impossible',
    'child-resumed': 'impossible',
    'start-failed': 'ignored',
    stopped,
    'reload-requested': 'impossible',
    signalled: 'impossible',
    'timer:settle': 'impossible',
    'timer:ceiling': 'impossible',
    'timer:min-interval': 'impossible',
    'timer:verify-reload': 'impossible',
  },
  resting: { ...UNDER_WAY },
  settling: { ...UNDER_WAY, 'timer:settle': settled, 'timer:ceiling': settled },
  holding: { ...UNDER_WAY, 'child-resumed': released, 'timer:min-interval': released },
  reading: { ...UNDER_WAY },
  acting: {
    ...UNDER_WAY,
    'child-starting': childStarting,
    'child-started': restarted,
    'child-ended': endedActing,
    'start-failed': startFailed,
    signalled,
  },
};
