import { changedPaths, type Snapshot, sameSnapshot } from '../files/snapshot.ts';
import type { StageResult } from '../staging/stage.ts';
import type { TimerName } from '../state/event.ts';
import type { Passage, Purpose, Transit } from '../state/passage.ts';
import { type State, withGate } from '../state/state.ts';
import { clearTimers, type EventOf, log, type Table, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { check, checkEnded, checkTimedOut } from './checking.ts';
import { overtaken, publish, refuse } from './ends.ts';
import { environmentFor } from './environment.ts';
import { granted } from './queueing.ts';
import { copiesFor, generationsToGoBackTo, hasGood, holdsSame, withActive } from './stages.ts';
import { stagesTended, tellReplaced, tendStages } from './tending.ts';

/*
 * Room `gate/`: the machine between content that was read and the application (specification 5): it is copied into new generations where
 * there are stages, checked, granted a slot of the fleet, and published, one at a time. What comes of it is a notice, `gate-passed`, `gate-refused` or
 * `gate-overtaken`, to whoever opened it; the gate is closed then. May not know what a reload does, or
 * how the child lives.
 */

/** Brings content to the gate; whatever was there must have been taken away. */
export function openGate(state: State, purpose: Purpose, snapshot: Snapshot, turn: Turn): State {
  const paths =
    purpose.kind === 'start' ? changedPaths(state.configuration.told, snapshot) : purpose.reload.paths;
  const made = environmentFor(state, snapshot);
  const passage = { purpose, snapshot, paths, generations: new Map() };
  if (!made.ok) {
    const refusal = { bad: true, reason: made.error, fields: {} };
    return refuse(state, { ...passage, environment: state.inherited }, refusal, turn);
  }
  const warned = warnOfSkipped(state, made.value.skipped, turn);
  const opened: Passage = { ...passage, environment: made.value.entries };
  const copies = copiesFor(warned, snapshot);
  if (copies.length === 0) return check(warned, opened, turn);
  const job = state.jobs + 1;
  turn.effects.push({ type: 'stage', job, task: { op: 'prepare', copies } });
  return withGate({ ...warned, jobs: job }, { transit: { phase: 'staging', passage: opened, job } });
}

/** Publishes the last good generations, which were checked when they were new. */
export function openRollback(
  state: State,
  passage: Pick<Passage, 'purpose' | 'snapshot' | 'environment'>,
  turn: Turn,
): State {
  return publish(state, { ...passage, paths: [], generations: generationsToGoBackTo(state.gate) }, turn);
}

/** Takes away what is at the gate: a check that runs is ended, work on stages goes on and is forgotten. */
export function closeGate(state: State, turn: Turn): State {
  const { transit } = state.gate;
  if (transit.phase === 'closed') return state;
  clearTimers(turn, 'check-timeout');
  if (transit.phase === 'checking') turn.effects.push({ type: 'cancel-job', job: transit.job });
  if (transit.phase === 'queueing') turn.notices.push({ type: 'slot-unwanted' });
  return withGate(state, { transit: { phase: 'closed' } });
}

/** Whether nothing can be brought to the gate: something is there, or is being published though nobody waits for it. */
export function isGateBusy({ gate }: State): boolean {
  return gate.transit.phase !== 'closed' || gate.publishing !== undefined;
}

/** So many names are warned of, and the rest counted. */
const SKIPPED_SHOWN = 20;

function warnOfSkipped(state: State, skipped: readonly string[], turn: Turn): State {
  const known = new Set(state.gate.skipped);
  const unknown = skipped.filter((path) => !known.has(path));
  for (const path of unknown.slice(0, SKIPPED_SHOWN)) {
    const name = textOfBytes(path);
    const message = `${name}: its name is no name of a variable; it is left out of the environment`;
    log(turn, 'warn', 'environment.skipped', message, { path: name });
  }
  const more = unknown.length - SKIPPED_SHOWN;
  if (more > 0) {
    const message = `${more} more files whose names are no names of variables are left out of the environment`;
    log(turn, 'warn', 'environment.skipped', message, { count: more });
  }
  return unknown.length === 0 ? state : withGate(state, { skipped });
}

type In<Phase extends Transit['phase']> = Extract<Transit, { phase: Phase }>;

/** What was asked for before the present passage is done, or failed; a target that was opened is looked at first of all. */
function stagedBeside(state: State, _transit: Transit, event: EventOf<'staged'>, turn: Turn): State {
  const { result, job } = event;
  if (state.gate.staged === undefined) return stagesOpened(state, event, turn);
  if (result.op === 'tended') return stagesTended(state, result, turn);
  tellReplaced(result, turn);
  if (result.op === 'failed') log(turn, 'error', 'stage.failed', result.reason, { reason: result.reason });
  if (state.gate.publishing?.job !== job) return state;
  turn.notices.push({ type: 'gate-free' });
  return published(state, event);
}

/** The copies are made. */
function prepared(state: State, transit: In<'staging'>, event: EventOf<'staged'>, turn: Turn): State {
  if (event.job !== transit.job) return stagedBeside(state, transit, event, turn);
  const { result } = event;
  const { passage } = transit;
  if (result.op === 'failed')
    return refuse(state, passage, { bad: false, reason: result.reason, fields: {} }, turn);
  if (result.op !== 'prepared') return state;
  const known = warnOfOwners(state, result.ownersKept, turn);
  const sources = copiesFor(known, passage.snapshot).map((copy) => copy.stage.source);
  const generations = new Map(
    sources.flatMap((source, index) => {
      const generation = result.generations[index];
      return generation === undefined ? [] : [[source, generation] as const];
    }),
  );
  // What is kept of a source that lost its files can't be copied any more.
  const lost = [...generations].find(
    ([source, { content }]) =>
      content.files.size === 0 && (passage.snapshot.get(source)?.files.size ?? 0) > 0,
  );
  if (lost !== undefined) return overtaken(known, passage, lost[0], turn);
  const changed = [...generations].some(([source, { content }]) => {
    const wanted = passage.snapshot.get(source);
    return wanted === undefined || !holdsSame(content, wanted);
  });
  if (changed) return overtaken(known, passage, undefined, turn);
  if (result.failedBefore === true && isOfStart(state, passage) && hasGood(state.gate)) {
    const reason = 'the application failed on this content before, and there is some that it did well on';
    return refuse(known, passage, { bad: true, reason, fields: {} }, turn);
  }
  return check(known, { ...passage, generations }, turn);
}

/** A start, or what is told by a reload because the start had no slot of the fleet for it. */
function isOfStart({ configuration: { deferred } }: State, { purpose, snapshot }: Passage): boolean {
  if (purpose.kind !== 'reload') return purpose.kind === 'start';
  return deferred !== undefined && sameSnapshot(deferred, snapshot) && purpose.reload.requested.length === 0;
}

/** One line says so, at the first copy (specification 5, *stage*). */
function warnOfOwners(state: State, ownersKept: boolean, turn: Turn): State {
  if (ownersKept || state.gate.ownersTold) return state;
  const message = 'some staged files belong to the user of rehup, which may not give them to their owner';
  log(turn, 'info', 'stage.owner', message);
  return withGate(state, { ownersTold: true });
}

/** The new generations can be seen. */
function publishedHere(state: State, transit: In<'publishing'>, event: EventOf<'staged'>, turn: Turn): State {
  if (event.job !== transit.job) return stagedBeside(state, transit, event, turn);
  const { result } = event;
  const { passage } = transit;
  tellReplaced(result, turn);
  const now = published(state, event);
  if (result.op === 'failed')
    return refuse(now, passage, { bad: false, reason: result.reason, fields: {} }, turn);
  turn.notices.push({ type: 'gate-passed', passage });
  return withGate(now, { transit: { phase: 'closed' } });
}

/** What is published is remembered, also where nobody waits for it any more. */
function published(state: State, { job, result }: EventOf<'staged'>): State {
  const { publishing, staged } = state.gate;
  if (publishing?.job !== job) return state;
  const after = result.op === 'published' ? withActive(staged, publishing.generations) : staged;
  return withGate(state, { publishing: undefined, staged: after });
}

/** The targets of the stages were opened, or can't be used. */
function stagesOpened(state: State, { result, servers = [] }: EventOf<'staged'>, turn: Turn): State {
  switch (result.op) {
    case 'opened': {
      const staged = state.settings.stages.map((stage, index) => ({
        stage,
        inMemory: result.stages[index]?.inMemory ?? true,
        active: result.stages[index]?.active,
        good: result.stages[index]?.good,
      }));
      if (servers.length > 0) {
        const where = servers.map(textOfBytes);
        const message = `the stages depend on file servers that may stop answering (${where.join(', ')}): what is staged waits for them, and nothing else does`;
        log(turn, 'warn', 'stage.remote', message, { servers: where });
      }
      turn.notices.push({ type: 'gate-free' });
      return withGate(state, { staged });
    }
    case 'refused':
      turn.notices.push({ type: 'unusable', refusal: refusalOf(state, result) });
      return state;
    case 'failed':
      turn.notices.push({ type: 'unusable', refusal: result.reason });
      return state;
    default:
      return state;
  }
}

/** Why a stage can't be used, behind the option or the variable that it was written into. */
function refusalOf(
  { settings }: State,
  { stage: { source, target }, text }: Extract<StageResult, { op: 'refused' }>,
): string {
  const origin = settings.origins.get(target) ?? '--stage';
  return `${origin} ${textOfBytes(source)}=${textOfBytes(target)}: ${text}`;
}

type GateKey =
  | 'looked'
  | 'staged'
  | 'job-ended'
  | 'slot-granted'
  | `timer:${Extract<TimerName, 'check-timeout'>}`;

/** What the gate does with each event. */
export const GATE: Table<Transit, GateKey> = {
  closed: {
    looked: tendStages,
    staged: stagedBeside,
    'job-ended': 'ignored',
    'slot-granted': 'ignored',
    'timer:check-timeout': 'impossible',
  },
  staging: {
    looked: tendStages,
    staged: prepared,
    'job-ended': 'ignored',
    'slot-granted': 'ignored',
    'timer:check-timeout': 'impossible',
  },
  checking: {
    looked: tendStages,
    staged: stagedBeside,
    'job-ended': checkEnded,
    'slot-granted': 'ignored',
    'timer:check-timeout': checkTimedOut,
  },
  queueing: {
    looked: tendStages,
    staged: stagedBeside,
    'job-ended': 'ignored',
    'slot-granted': granted,
    'timer:check-timeout': 'impossible',
  },
  publishing: {
    looked: tendStages,
    staged: publishedHere,
    'job-ended': 'ignored',
    'slot-granted': 'ignored',
    'timer:check-timeout': 'impossible',
  },
};
