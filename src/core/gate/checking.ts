import { sameSnapshot } from '../files/snapshot.ts';
import { DATA_LINK } from '../files/volume.ts';
import { withChanged } from '../jobs/changed.ts';
import { checkWords, outputLines, type Verdict, verdictOf } from '../jobs/check.ts';
import type { LogLine } from '../log/log.ts';
import type { JobOutcome } from '../state/job.ts';
import type { Passage, Transit } from '../state/passage.ts';
import { type State, withGate } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { joinPath } from '../text/path.ts';
import { refuse } from './ends.ts';
import { queue, touchesNothing } from './queueing.ts';

/* The check of content that is at the gate, by `--check`. */

type Checking = Extract<Transit, { phase: 'checking' }>;

/** Checks the content, and publishes it at once where nothing is to be checked. */
export function check(state: State, passage: Passage, turn: Turn): State {
  const { check: words, checkTimeout } = state.settings;
  const { checked } = state.gate;
  const { purpose } = passage;
  const nothing = touchesNothing(passage);
  const known = purpose.kind === 'start' && checked !== undefined && sameSnapshot(checked, passage.snapshot);
  if (words === undefined || nothing || known) return queue(state, passage, turn);
  const job = state.jobs + 1;
  turn.effects.push({
    type: 'begin-job',
    job,
    task: {
      kind: 'command',
      words: checkWords(words, (source) => directoryOf(state, passage, source)),
      environment: withChanged(passage.environment, passage.paths),
      changed: passage.paths,
    },
  });
  setTimer(turn, 'check-timeout', checkTimeout);
  log(turn, 'debug', 'check.started', 'the new content is being checked', { changed: passage.paths.length });
  return withGate({ ...state, jobs: job }, { transit: { phase: 'checking', passage, job } });
}

/** Where the new content of a watch or stage lies. */
function directoryOf(state: State, passage: Passage, source: string): string {
  const staged = state.gate.staged?.find(({ stage }) => stage.source === source);
  if (staged === undefined) return source;
  const generation = passage.generations.get(source);
  if (generation !== undefined) return joinPath(staged.stage.target, generation.name);
  // What is active may have been made anew under another name since.
  return staged.active === undefined ? source : joinPath(staged.stage.target, DATA_LINK);
}

/** A check has ended by itself, or another job of ours. */
export function checkEnded(state: State, transit: Checking, event: EventOf<'job-ended'>, turn: Turn): State {
  if (event.job !== transit.job) return state;
  clearTimers(turn, 'check-timeout');
  const { outcome } = event;
  return judge(state, transit.passage, verdictOf(outcome), outputFields(state, outcome), turn);
}

export function checkTimedOut(state: State, transit: Checking, _event: unknown, turn: Turn): State {
  turn.effects.push({ type: 'cancel-job', job: transit.job });
  const reason = `took longer than ${state.settings.checkTimeout} ms`;
  return judge(state, transit.passage, { kind: 'unknown', reason }, {}, turn);
}

function judge(
  state: State,
  passage: Passage,
  verdict: Verdict,
  fields: LogLine['fields'],
  turn: Turn,
): State {
  if (verdict.kind === 'pass') return queue(withGate(state, { checked: passage.snapshot }), passage, turn);
  const words = checkWords(state.settings.check ?? [], (source) => directoryOf(state, passage, source));
  const reason = `the check ${textOfBytes(words[0] ?? '')} ${verdict.reason}`;
  return refuse(state, passage, { bad: verdict.kind === 'bad', reason, fields }, turn);
}

/** The last lines of what a check or an action wrote, to be logged with its failure; none where they may tell of a Secret. */
export function outputFields(state: State, outcome: JobOutcome): LogLine['fields'] {
  if (outcome.kind !== 'exited' || outcome.output === '' || holdsSecrets(state)) return {};
  return { output: outputLines(outcome.output) };
}

/** Whether anything that a check may tell of lies in memory, as Secrets do (specification 4.8). */
function holdsSecrets({ gate, observation }: State): boolean {
  const { staged = [] } = gate;
  return (
    observation.watched.some((watched) => watched.content?.keyed === true) ||
    staged.some(({ inMemory }) => inMemory)
  );
}
