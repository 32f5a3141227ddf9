import { changedPaths, type Snapshot, sameSnapshot } from '../files/content.ts';
import { checkWords, outputLines, type Verdict, verdictOf } from '../jobs/check.ts';
import type { LogLine } from '../log/log.ts';
import { keepShown } from '../observation/observation.ts';
import { NO_CONTENT } from '../observation/watched.ts';
import { environmentFor } from '../reload/plan.ts';
import type { StageResult } from '../staging/stage.ts';
import { type Gate, type GatePurpose, type State, withConfiguration } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { joinPath } from '../text/path.ts';
import { copiesFor, holdsSame, withActive } from './stages.ts';

/*
 * The gate between content that was read and the application (specification 5): it is copied into new generations where
 * there are stages, checked, and published. One at a time. Its ends are told to those who opened it, by these callbacks.
 */

/** Why content is not let through. */
export type Refusal = {
  /** Whether the content itself is bad; else nothing is known about it. */
  readonly bad: boolean;
  readonly reason: string;
  readonly fields: LogLine['fields'];
};

/** What follows when content is at the end of its gate; the gate is gone then. */
export type GateEnds = {
  readonly passed: (state: State, gate: Gate, turn: Turn) => State;
  readonly refused: (state: State, gate: Gate, refusal: Refusal, turn: Turn) => State;
  /** What was copied is not what was seen: it has changed meanwhile. */
  readonly overtaken: (state: State, gate: Gate, turn: Turn) => State;
};

/** Brings content to the gate; whatever was there is forgotten. */
export function openGate(
  state: State,
  purpose: GatePurpose,
  snapshot: Snapshot,
  ends: GateEnds,
  turn: Turn,
): State {
  const paths =
    purpose.kind === 'start' ? changedPaths(state.configuration.told, snapshot) : purpose.reload.paths;
  const gate = { purpose, step: 'staging', snapshot, paths, generations: new Map(), job: 0 } as const;
  const made = environmentFor(state, snapshot);
  if (!made.ok) {
    const refusal = { bad: true, reason: made.error, fields: {} };
    return ends.refused(state, { ...gate, environment: state.inherited }, refusal, turn);
  }
  const warned = warnOfSkipped(state, made.value.skipped, turn);
  const opened: Gate = { ...gate, environment: made.value.entries };
  const copies = copiesFor(warned, snapshot);
  if (copies.length === 0) return check(warned, opened, ends, turn);
  const job = state.jobs + 1;
  turn.effects.push({ type: 'stage', job, task: { op: 'prepare', copies } });
  return withConfiguration({ ...warned, jobs: job }, { gate: { ...opened, job } });
}

function warnOfSkipped(state: State, skipped: readonly string[], turn: Turn): State {
  const { skipped: known } = state.configuration;
  const unknown = skipped.filter((path) => !known.includes(path));
  for (const path of unknown) {
    const name = textOfBytes(path);
    const message = `${name}: its name is no name of a variable; it is left out of the environment`;
    log(turn, 'warn', 'environment.skipped', message, { path: name });
  }
  return unknown.length === 0 ? state : withConfiguration(state, { skipped });
}

/** What was to be done to the stages for this gate is done, or failed. */
export function gateStaged(state: State, gate: Gate, result: StageResult, ends: GateEnds, turn: Turn): State {
  const free = withConfiguration(state, { gate: undefined });
  switch (result.op) {
    case 'prepared': {
      if (!result.ownersKept) {
        const message =
          'some staged files belong to the user of rehup, which may not give them to their owner';
        log(turn, 'info', 'stage.owner', message);
      }
      const sources = copiesFor(state, gate.snapshot).map((copy) => copy.stage.source);
      const generations = new Map(
        sources.flatMap((source, index) => {
          const generation = result.generations[index];
          return generation === undefined ? [] : [[source, generation] as const];
        }),
      );
      // What is kept of a source that lost its files can't be copied any more.
      const lost = [...generations].find(
        ([source, { content }]) =>
          content.files.size === 0 && (gate.snapshot.get(source)?.files.size ?? 0) > 0,
      );
      if (lost !== undefined) {
        const [source] = lost;
        const shown = state.configuration.staged?.find(({ stage }) => stage.source === source)?.active;
        const kept = keepShown(free, source, shown?.content ?? NO_CONTENT);
        return ends.overtaken(kept, gate, turn);
      }
      const changed = [...generations].some(([source, { content }]) => {
        const wanted = gate.snapshot.get(source);
        return wanted === undefined || !holdsSame(content, wanted);
      });
      if (changed) return ends.overtaken(free, gate, turn);
      return check(free, { ...gate, generations }, ends, turn);
    }
    case 'published':
      return ends.passed(free, gate, turn);
    case 'failed':
      return ends.refused(free, gate, { bad: false, reason: result.reason, fields: {} }, turn);
    default:
      return state;
  }
}

/** Where the new content of a watch or stage lies. */
function directoryOf(state: State, gate: Gate, source: string): string {
  const staged = state.configuration.staged?.find(({ stage }) => stage.source === source);
  const generation = gate.generations.get(source) ?? staged?.active;
  return staged === undefined || generation === undefined
    ? source
    : joinPath(staged.stage.target, generation.name);
}

function check(state: State, gate: Gate, ends: GateEnds, turn: Turn): State {
  const { check: words, checkTimeout } = state.settings;
  const { checked } = state.configuration;
  const { purpose } = gate;
  const nothing = purpose.kind === 'reload' && isNothing(purpose.reload) && gate.generations.size === 0;
  const known = purpose.kind === 'start' && checked !== undefined && sameSnapshot(checked, gate.snapshot);
  if (words === undefined || nothing || known) return publish(state, gate, ends, turn);
  const job = state.jobs + 1;
  const changed = `REHUP_CHANGED=${gate.paths.join('\n')}`;
  turn.effects.push({
    type: 'begin-job',
    job,
    task: {
      kind: 'command',
      words: checkWords(words, (source) => directoryOf(state, gate, source)),
      environment: [...gate.environment.filter((entry) => !entry.startsWith('REHUP_CHANGED=')), changed],
    },
  });
  setTimer(turn, 'check-timeout', checkTimeout);
  log(turn, 'debug', 'check.started', 'the new content is being checked', { changed: gate.paths.length });
  return withConfiguration({ ...state, jobs: job }, { gate: { ...gate, step: 'checking', job } });
}

/** A change that touches nothing is not checked, unless somebody asked for it. */
function isNothing({
  actions,
  requested,
}: {
  actions: readonly unknown[];
  requested: readonly unknown[];
}): boolean {
  return actions.length === 0 && requested.length === 0;
}

/** The check has ended by itself. */
export function gateChecked(
  state: State,
  gate: Gate,
  { outcome }: EventOf<'job-ended'>,
  ends: GateEnds,
  turn: Turn,
): State {
  clearTimers(turn, 'check-timeout');
  const output = outcome.kind === 'exited' ? outcome.output : '';
  return judge(state, gate, verdictOf(outcome), output, ends, turn);
}

export function checkTimedOut(state: State, gate: Gate, ends: GateEnds, turn: Turn): State {
  turn.effects.push({ type: 'cancel-job', job: gate.job });
  const reason = `took longer than ${state.settings.checkTimeout} ms`;
  return judge(state, gate, { kind: 'unknown', reason }, '', ends, turn);
}

function judge(
  state: State,
  gate: Gate,
  verdict: Verdict,
  output: string,
  ends: GateEnds,
  turn: Turn,
): State {
  const free = withConfiguration(state, { gate: undefined });
  if (verdict.kind === 'pass') {
    return publish(withConfiguration(free, { checked: gate.snapshot }), gate, ends, turn);
  }
  const words = checkWords(state.settings.check ?? [], (source) => directoryOf(state, gate, source));
  const reason = `the check ${textOfBytes(words[0] ?? '')} ${verdict.reason}`;
  const fields = output === '' || holdsSecrets(state) ? {} : { output: outputLines(output) };
  return ends.refused(free, gate, { bad: verdict.kind === 'bad', reason, fields }, turn);
}

/** Whether anything that a check may tell of lies in memory, as Secrets do (specification 4.8). */
function holdsSecrets({ configuration, observation }: State): boolean {
  const { staged = [] } = configuration;
  return (
    observation.watched.some((watched) => watched.content?.keyed === true) ||
    staged.some(({ inMemory }) => inMemory)
  );
}

function publish(state: State, gate: Gate, ends: GateEnds, turn: Turn): State {
  const { staged = [] } = state.configuration;
  const generations = staged.flatMap(({ stage }) => {
    const generation = gate.generations.get(stage.source);
    return generation === undefined ? [] : [{ stage, name: generation.name }];
  });
  if (generations.length === 0) return ends.passed(withConfiguration(state, { gate: undefined }), gate, turn);
  const job = state.jobs + 1;
  turn.effects.push({ type: 'stage', job, task: { op: 'publish', generations } });
  return withConfiguration(
    { ...state, jobs: job },
    { gate: { ...gate, step: 'publishing', job }, publishing: { job, generations: gate.generations } },
  );
}

/** What is published is remembered, also where nobody waits for it any more. */
export function published(state: State, { job, result }: EventOf<'staged'>): State {
  const { publishing, staged } = state.configuration;
  if (publishing?.job !== job) return state;
  const after = result.op === 'published' ? withActive(staged, publishing.generations) : staged;
  return withConfiguration(state, { publishing: undefined, staged: after });
}

/** Publishes the last good generations, which were checked when they were new. */
export function openRollback(
  state: State,
  gate: Pick<Gate, 'purpose' | 'snapshot' | 'environment'>,
  ends: GateEnds,
  turn: Turn,
): State {
  const { staged = [] } = state.configuration;
  const generations = new Map(
    staged.flatMap(({ stage, active, good }) =>
      good === undefined || good.name === active?.name ? [] : [[stage.source, good] as const],
    ),
  );
  return publish(state, { ...gate, step: 'publishing', paths: [], generations, job: 0 }, ends, turn);
}

/** Takes away what is at the gate: a check that runs is ended, work on stages goes on and is forgotten. */
export function closeGate(state: State, turn: Turn): State {
  const { gate } = state.configuration;
  if (gate === undefined) return state;
  clearTimers(turn, 'check-timeout');
  if (gate.step === 'checking') turn.effects.push({ type: 'cancel-job', job: gate.job });
  return withConfiguration(state, { gate: undefined });
}
