import { NOTHING_ANNOUNCED } from '../state/initial.ts';
import type { Announced, Limit, Readiness, State } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { parseNotification } from './notification.ts';

/* What a child says of itself, by sd_notify(3) or on a descriptor, and what that means for whether it serves. */

/** Who says more at once than is taken (`MESSAGES_AT_ONCE`) is heard again after this, ms. */
const PAUSE = 100;

/** A child may ask for so much time at once, ms; it may ask again. */
const MOST_EXTENSION = 60 * 60_000;

export function withReadiness(state: State, readiness: Readiness): State {
  const served = readiness.phase === 'ready' || (readiness.phase !== 'idle' && state.served);
  return { ...state, readiness, served };
}

function announce(state: State, change: Partial<Announced>): State {
  return { ...state, announced: { ...state.announced, ...change } };
}

/** It serves, as it was asked or as it says. */
export function becomeReady(state: State, turn: Turn): State {
  clearTimers(turn, 'probe', 'ready');
  turn.notices.push({ type: 'ready' });
  return withReadiness(state, { phase: 'ready' });
}

/** A time that begins now, and lasts as long as the child has asked for if that is longer. */
export function limitOf(state: State, time: number, turn: Turn): Limit {
  const until = Math.max(turn.at + time, state.announced.extended);
  setTimer(turn, 'ready', until - turn.at);
  return { since: turn.at, until };
}

/** After a start the child is to say that it serves, within the limit. */
export function listenToStart(state: State, turn: Turn): State {
  const silent = { ...state, announced: NOTHING_ANNOUNCED };
  const limit = limitOf(silent, state.settings.readyTimeout, turn);
  return withReadiness(silent, { phase: 'listening', after: 'start', limit });
}

/** What it says from now on is about the reload that begins; each later action of it may only add to what was said. */
export function telling(state: State, _part: Readiness, event: EventOf<'telling'>, turn: Turn): State {
  if (!event.first && state.announced.reload === 'begun') return state;
  return announce(state, { told: turn.at, reload: 'unheard' });
}

/**
 * The child was told of new content. It may have said already that it reloads, or even that it has. If it says nothing
 * within the verify time, that was the verdict. What it owes since its start is still awaited first.
 */
export function listenOnceTold(state: State, part: Readiness, turn: Turn): State {
  const { verify, readyTimeout } = state.settings;
  if (part.phase === 'listening' && part.after === 'start') return state;
  clearTimers(turn, 'probe');
  if (state.announced.reload === 'done') return becomeReady(state, turn);
  const limit = limitOf(state, Math.max(readyTimeout, verify), turn);
  if (state.announced.reload === 'begun')
    return withReadiness(state, { phase: 'listening', after: 'reload', limit });
  setTimer(turn, 'probe', verify);
  return withReadiness(state, { phase: 'waiting', limit });
}

export function notified(state: State, _part: Readiness, _event: unknown, turn: Turn): State {
  turn.effects.push({ type: 'hear' });
  return state;
}

export function takeMessages(state: State, part: Readiness, event: EventOf<'messages'>, turn: Turn): State {
  if (event.more) setTimer(turn, 'notify', PAUSE);
  // The last words of a child that has ended come from nobody any more.
  const start = event.strangers > 0 && part.phase !== 'idle' ? warnOnce(state, turn) : state;
  const newline = state.settings.ready?.kind === 'notify-fd';
  return event.messages.reduce(
    (now, message) => (newline ? heardLine(now, message, turn) : heardMessage(now, message, turn)),
    start,
  );
}

function warnOnce(state: State, turn: Turn): State {
  if (state.announced.warned) return state;
  const message =
    'a message on NOTIFY_SOCKET is ignored: its sender does not descend from rehup, or had ended before it was heard';
  log(turn, 'warn', 'notify.ignored', message);
  return announce(state, { warned: true });
}

/** A newline is all that is said on a descriptor, and it is closed then, as s6 does. */
function heardLine(state: State, bytes: string, turn: Turn): State {
  if (!bytes.includes('\n')) return state;
  turn.effects.push({ type: 'close-notify' });
  return serves(state, turn);
}

function heardMessage(state: State, message: string, turn: Turn): State {
  const { ready, stopping, reloading, began, extension, status } = parseNotification(message);
  let now = status === undefined ? state : heardStatus(state, status, turn);
  if (stopping && !now.announced.stopping) {
    log(turn, 'debug', 'notify.stopping', 'the child says that it is stopping');
    now = announce(now, { stopping });
  }
  if (extension !== undefined) now = extend(now, extension / 1_000, turn);
  // Both at once are a reload that is over already, as systemd takes it.
  if (reloading) now = reloads(now, began, turn);
  return ready ? serves(now, turn) : now;
}

function heardStatus(state: State, status: string, turn: Turn): State {
  if (status === state.announced.status) return state;
  const text = textOfBytes(status);
  log(turn, 'debug', 'notify.status', `the child says: ${text}`, { status: text });
  return announce(state, { status });
}

function extend(state: State, time: number, turn: Turn): State {
  const extended = turn.at + Math.min(time, MOST_EXTENSION);
  const now = announce(state, { extended });
  const { readiness } = now;
  if (readiness.phase !== 'listening' && readiness.phase !== 'waiting') return now;
  if (extended <= readiness.limit.until) return now;
  setTimer(turn, 'ready', extended - turn.at);
  return withReadiness(now, { ...readiness, limit: { ...readiness.limit, until: extended } });
}

/** A reload has begun in the child: the one that it was told of last, unless it began before that. */
function reloads(state: State, began: number | undefined, turn: Turn): State {
  if (began !== undefined && began < Math.floor(state.announced.told * 1_000)) return state;
  log(turn, 'debug', 'notify.reloading', 'the child says that it is reloading');
  const now = announce(state, { reload: 'begun' });
  const { readiness } = now;
  if (readiness.phase !== 'waiting') return now;
  clearTimers(turn, 'probe');
  return withReadiness(now, { phase: 'listening', after: 'reload', limit: readiness.limit });
}

/** READY=1, or a newline. What comes before a RELOADING=1 it is not about the reload. */
function serves(state: State, turn: Turn): State {
  log(turn, 'debug', 'notify.ready', 'the child says that it is ready');
  const { readiness, announced } = state;
  const reload = announced.reload === 'begun' ? 'done' : announced.reload;
  const now = announce(state, { reload });
  switch (readiness.phase) {
    case 'listening':
      return readiness.after === 'start' || reload === 'done' ? becomeReady(now, turn) : now;
    case 'late':
      return withReadiness(now, { phase: 'ready' });
    default:
      return now;
  }
}
