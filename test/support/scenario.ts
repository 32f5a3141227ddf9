import type { Reading, ReadingRequest } from '../../src/core/files/reading.ts';
import type { Family, Leftover, Relative } from '../../src/core/process/family.ts';
import type { Handling } from '../../src/core/process/handling.ts';
import { SIDECAR_ROOM } from '../../src/core/sidecar/room.ts';
import type { StageResult } from '../../src/core/staging/stage.ts';
import type { Effect } from '../../src/core/state/effect.ts';
import type {
  GroupLook,
  NamedOutcome,
  Occurrence,
  SignalOutcome,
  TimerName,
} from '../../src/core/state/event.ts';
import { initialState } from '../../src/core/state/initial.ts';
import type { JobOutcome } from '../../src/core/state/job.ts';
import type { Settings } from '../../src/core/state/settings.ts';
import type { State } from '../../src/core/state/state.ts';
import { step } from '../../src/core/step.ts';
import { describe } from './describe.ts';
import { begin, settings, sig, volumeReading } from './given.ts';
import { randomTargets } from './targets.ts';
import { keepTimer } from './timers.ts';

/** How a scenario answers what the core asks for at once; a test may change any of it while it runs. */
export type World = {
  readings: readonly Reading[];
  /** What becomes of signals that are sent only if they are caught. */
  catches: boolean | Handling | undefined;
  groupAlive: boolean;
  /** What else descends from the child when it looks at a group, and what is there before the child. */
  leftovers: readonly Leftover[];
  before: readonly Leftover[];
  /** Who of the group ignores the stop signal. */
  ignoring: readonly Relative[];
  /** The errno that signals to the child, and to each of other processes, fail with. */
  signalErrno: string | undefined;
  refused: readonly Relative[];
  startErrno: string | undefined;
  /** Programs that are not there. */
  missing: readonly string[];
  /** What comes of work on the stages, if it does not go well. */
  staged: StageResult | undefined;
  /** Whether work on the stages is answered at once; else the test sends the answers. */
  stagesAnswered: boolean;
  /** Whether looks and starts are answered at once; else the test sends the answers. */
  looksAnswered: boolean;
  startsAnswered: boolean;
  /** Whether signals are answered at once; else the test sends the answers. */
  signalsAnswered: boolean;
  /** What others in the pod have. */
  others: readonly string[];
  /** What becomes of a signal to the processes of a name. */
  named: NamedOutcome;
};

/** A core with a world that answers, for tests that write a sequence of events down. */
export function scenario(change: Partial<Settings> = {}, world: Partial<World> = {}) {
  const chosen = settings(change);
  const answers: World = {
    readings: chosen.watches.map(({ path }) => volumeReading('one', path)),
    catches: true,
    groupAlive: false,
    leftovers: [],
    before: [],
    ignoring: [],
    signalErrno: undefined,
    refused: [],
    startErrno: undefined,
    missing: [],
    staged: undefined,
    stagesAnswered: true,
    looksAnswered: true,
    startsAnswered: true,
    signalsAnswered: true,
    others: [],
    named: { sent: [{ pid: 7, name: 'app', started: '1' }], refused: [], alone: false },
    ...world,
  };
  let state: State = initialState(chosen);
  let now = 0;
  let pid = 100;
  const performed: Effect[] = [];
  const jobs: number[] = [];
  const targets = randomTargets(chosen, textOf, (promise, what) => {
    if (!promise) throw new Error(what);
  });

  /** What a source holds now, by the text of its reading. */
  function textOf(source: string): string {
    const reading = answers.readings[chosen.watches.findIndex(({ path }) => path === source)];
    return reading?.status === 'read' ? reading.content.digest.slice('digest of '.length) : '';
  }

  const timers = new Map<TimerName, number>();

  /** The readings of what is asked for, in that order. */
  function readingsFor(requests: readonly ReadingRequest[]): readonly Reading[] {
    const { watched } = state.observation;
    return requests.flatMap(
      ({ path }) => answers.readings[watched.findIndex((one) => one.path === path)] ?? [],
    );
  }

  function answer(effect: Effect): Occurrence | undefined {
    switch (effect.type) {
      case 'start':
        if (!answers.startsAnswered) return undefined;
        if (answers.startErrno !== undefined) return { type: 'spawn-failed', errno: answers.startErrno };
        pid += 1;
        return { type: 'spawned', pid };
      case 'seek':
        return { type: 'sought', missing: effect.programs.filter((one) => answers.missing.includes(one)) };
      case 'look':
        return answers.looksAnswered ? { type: 'looked', readings: readingsFor(effect.requests) } : undefined;
      case 'check-group':
        return {
          type: 'group',
          pid: effect.pid,
          why: effect.why,
          family: family(effect.why),
          ignoring: effect.why === 'half' ? answers.ignoring : [],
        };
      case 'signal-each':
        return {
          type: 'each-signalled',
          signal: effect.signal,
          purpose: effect.purpose,
          sent: effect.processes.filter((one) => !answers.refused.includes(one)),
          refused: effect.processes.filter((one) => answers.refused.includes(one)),
        };
      case 'signal':
        if (!answers.signalsAnswered) return undefined;
        return {
          type: 'signalled',
          signal: effect.signal,
          purpose: effect.purpose,
          outcome: outcome(effect),
        };
      case 'recall':
        if (effect.directory !== undefined) return undefined;
        return { type: 'recalled', kept: undefined, since: 0, others: answers.others, found: [] };
      case 'keep':
        return effect.as === 'end' ? undefined : { type: 'kept', errno: undefined };
      case 'see-others':
        return { type: 'others', others: answers.others };
      case 'signal-named':
        return { type: 'named-signalled', signal: effect.signal, ...answers.named };
      case 'set-timer':
      case 'clear-timer':
        return keepTimer(timers, effect, now);
      case 'begin-job':
        jobs.push(effect.job);
        if (effect.task.kind === 'command') directory = effect.task.words[1] ?? '';
        return undefined;
      case 'cancel-job':
        jobs.splice(jobs.indexOf(effect.job), 1);
        return undefined;
      case 'stage':
        if (effect.task.op === 'tend')
          return { type: 'staged', job: effect.job, result: { op: 'tended', tended: [] } };
        if (effect.task.op === 'fail') return { type: 'staged', job: effect.job, result: { op: 'noted' } };
        if (!answers.stagesAnswered) return undefined;
        return answers.staged === undefined
          ? { type: 'staged', job: effect.job, result: targets.perform(effect.task, 1) }
          : { type: 'staged', job: effect.job, result: answers.staged };
      default:
        return undefined;
    }
  }

  /** The second word of the last command, by which a check knows its directory. */
  let directory = '';

  function family(why: GroupLook): Family {
    const member = { pid, name: 'member', started: '1' };
    return {
      members: answers.groupAlive && why !== 'before' ? [member] : [],
      leftovers: why === 'before' ? answers.before : answers.leftovers,
      strangers: [],
    };
  }

  function outcome({ to, onlyIf, purpose }: Extract<Effect, { type: 'signal' }>): SignalOutcome {
    const { catches, signalErrno } = answers;
    if (signalErrno !== undefined) return { kind: 'failed', errno: signalErrno };
    const handling = catches === true ? 'caught' : catches === false ? 'uncaught' : catches;
    const takes = handling === 'caught' || handling === 'waited';
    if (onlyIf !== undefined && handling !== undefined && !takes) {
      if (handling !== 'blocked' || onlyIf === 'caught') return { kind: 'held', handling, program: 'app' };
    }
    const target = to === 'auto' ? (takes ? 'child' : 'group') : to;
    const asked = handling !== undefined && purpose === 'reload';
    return { kind: 'sent', to: target, handled: asked ? { handling, program: 'app' } : undefined };
  }

  /** Hands an event to the core, and its answers after it; returns the effects of all, in words. */
  function send(occurrence: Occurrence): readonly string[] {
    const words: string[] = [];
    const queue: Occurrence[] = [occurrence];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const result = step(state, { ...next, at: now }, chosen.sidecar ? SIDECAR_ROOM : undefined);
      state = result.state;
      for (const effect of result.effects) {
        performed.push(effect);
        const word = describe(effect);
        if (word !== undefined) words.push(word);
        const reply = answer(effect);
        if (reply !== undefined) queue.push(reply);
      }
    }
    return words;
  }

  return {
    answers,
    performed,
    timers,
    send,
    get state() {
      return state;
    },
    get now() {
      return now;
    },
    /** The timers that are set, but for those that only look again. */
    planned: () => [...timers.keys()].filter((name) => !['confirm', 'poll', 'recheck'].includes(name)),
    begin: () => send(begin()),
    signal: (name: string) => send({ type: 'signal', signal: sig(name) }),
    exits: (code: number) => send({ type: 'child-exited', status: { kind: 'code', code } }),
    dies: (name: string) => send({ type: 'child-exited', status: { kind: 'signal', signal: sig(name) } }),
    /** The content of every watch changes, and a hint tells of it. */
    changes(text: string) {
      answers.readings = chosen.watches.map(({ path }) => volumeReading(text, path));
      return send({ type: 'hint' });
    },
    /** Lets time pass and fires a timer when it is due; fails if it is not set. */
    elapses(timer: Extract<Occurrence, { type: 'timer' }>['timer']) {
      const due = timers.get(timer);
      if (due === undefined) throw new Error(`the timer ${timer} is not set; set are: ${[...timers.keys()]}`);
      now = Math.max(now, due);
      timers.delete(timer);
      return send({ type: 'timer', timer });
    },
    /** The last job that was begun ends. */
    ends(outcome: JobOutcome) {
      targets.judged(directory, outcome);
      return send({ type: 'job-ended', job: jobs.pop() ?? 0, outcome });
    },
    /** The last command ends with a code. */
    ran(code: number, output = '') {
      return this.ends({ kind: 'exited', status: { kind: 'code', code }, output });
    },
    /** The server of the last job answers; undefined: nobody does. */
    replies(status: number | undefined, body = '') {
      if (status === undefined) return this.ends({ kind: 'failed', reason: 'refused (ECONNREFUSED)' });
      return this.ends({ kind: 'answered', status, body });
    },
    /** The child says this by sd_notify(3). */
    says: (...messages: readonly string[]) => send({ type: 'messages', messages, strangers: 0, more: false }),
    /** Jobs that are under way. */
    jobs,
    passes(milliseconds: number) {
      now += milliseconds;
    },
  };
}
