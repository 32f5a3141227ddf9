import type { Reading } from '../../src/core/files/reading.ts';
import { parseSignal, type Signal } from '../../src/core/process/signals.ts';
import type { StageResult } from '../../src/core/staging/stage.ts';
import { type Action, parseAction } from '../../src/core/state/action.ts';
import type { Effect } from '../../src/core/state/effect.ts';
import type { Occurrence, SignalOutcome } from '../../src/core/state/event.ts';
import { initialState } from '../../src/core/state/initial.ts';
import type { JobOutcome } from '../../src/core/state/job.ts';
import type { Settings, Watch } from '../../src/core/state/settings.ts';
import type { State } from '../../src/core/state/state.ts';
import { step } from '../../src/core/step.ts';
import { randomTargets } from './targets.ts';

/** The number of a signal by its name; for tests, which know what they name. */
export function sig(name: string): Signal {
  const signal = parseSignal(name);
  if (!signal.ok) throw new Error(`${name}: ${signal.error}`);
  return signal.value;
}

export function act(name: string): Action {
  const action = parseAction(name);
  if (!action.ok) throw new Error(`${name}: ${action.error}`);
  return action.value;
}

/** Settings of a supervisor that watches `/v` and acts at once, but for what a test says. */
export function settings(change: Partial<Settings> = {}): Settings {
  return {
    command: ['app'],
    watches: [watch('/v', 'restart')],
    onChange: act('restart'),
    ignore: () => false,
    allowEmpty: false,
    settle: 0,
    poll: 0,
    minInterval: 0,
    verify: 0,
    stopSignal: sig('TERM'),
    translateStop: false,
    stopTimeout: 30_000,
    signalTo: 'auto',
    rewrites: new Map(),
    exitMap: new Map(),
    onExit: 'exit',
    maxRestarts: 5,
    check: undefined,
    checkTimeout: 30_000,
    stages: [],
    origins: new Map(),
    silent: false,
    listen: undefined,
    listenStatus: false,
    socket: undefined,
    ready: undefined,
    readyTimeout: 60_000,
    actionTimeout: 60_000,
    splay: 0,
    drain: 0,
    dryRun: false,
    environmentDirectories: [],
    ...change,
  };
}

export function watch(path: string, action: string): Watch {
  return { path, action: act(action) };
}

/** What tells that content could not be applied. */
export const ALARM = ['watch.stale', 'rehup.degraded'];

/** Where rehup finds itself, but for what a test says. */
export function begin(change: Partial<Extract<Occurrence, { type: 'begin' }>> = {}): Occurrence {
  return {
    type: 'begin',
    pid1: true,
    terminal: false,
    environment: ['PATH=/bin'],
    argumentBytes: 2 * 1024 * 1024,
    seed: 1,
    identity: { version: '1.2.3', edition: 'static', uid: 1000 },
    ...change,
  };
}

/** The reading of a kubelet volume at `/v` (or `root`) whose only file `k` has this content; '' for an empty volume. */
export function volumeReading(text: string, root = '/v', settled = true, capture = false): Reading {
  const files = new Map(text === '' ? [] : [['k', { size: text.length, digest: `sha256 of ${text}` }]]);
  const digest = `digest of ${text}`;
  const volume = { root, generation: `..${text}` };
  const directories = new Map([[root, 'identity']]);
  return {
    status: 'read',
    content: {
      digest,
      files,
      keyed: false,
      ...(capture ? { texts: new Map(text === '' ? [] : [['k', text]]) } : {}),
    },
    settled,
    moving: false,
    volume,
    directories,
    known: { digest },
  };
}

/** How a scenario answers what the core asks for at once; a test may change any of it while it runs. */
export type World = {
  readings: readonly Reading[];
  /** What becomes of signals that are sent only if they are caught. */
  catches: boolean | 'blocked' | undefined;
  groupAlive: boolean;
  /** Whether rehup has children when it looks at a group. */
  children: boolean;
  startErrno: string | undefined;
  /** What comes of work on the stages, if it does not go well. */
  staged: StageResult | undefined;
  /** Whether work on the stages is answered at once; else the test sends the answers. */
  stagesAnswered: boolean;
  /** Whether looks and starts are answered at once; else the test sends the answers. */
  looksAnswered: boolean;
  startsAnswered: boolean;
  /** Whether signals are answered at once; else the test sends the answers. */
  signalsAnswered: boolean;
};

/** A core with a world that answers, for tests that write a sequence of events down. */
export function scenario(change: Partial<Settings> = {}, world: Partial<World> = {}) {
  const chosen = settings(change);
  const answers: World = {
    readings: chosen.watches.map(({ path }) => volumeReading('one', path)),
    catches: true,
    groupAlive: false,
    children: false,
    startErrno: undefined,
    staged: undefined,
    stagesAnswered: true,
    looksAnswered: true,
    startsAnswered: true,
    signalsAnswered: true,
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

  const timers = new Map<string, number>();

  function answer(effect: Effect): Occurrence | undefined {
    switch (effect.type) {
      case 'start':
        if (!answers.startsAnswered) return undefined;
        if (answers.startErrno !== undefined) return { type: 'spawn-failed', errno: answers.startErrno };
        pid += 1;
        return { type: 'spawned', pid };
      case 'look':
        return answers.looksAnswered ? { type: 'looked', readings: answers.readings } : undefined;
      case 'check-group':
        return { type: 'group', alive: answers.groupAlive, children: answers.children };
      case 'signal':
        if (!answers.signalsAnswered) return undefined;
        return {
          type: 'signalled',
          signal: effect.signal,
          purpose: effect.purpose,
          outcome: outcome(effect),
        };
      case 'set-timer':
        timers.set(effect.timer, now + effect.delay);
        return undefined;
      case 'clear-timer':
        timers.delete(effect.timer);
        return undefined;
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

  function outcome({ to, onlyIf }: Extract<Effect, { type: 'signal' }>): SignalOutcome {
    if (onlyIf !== undefined && answers.catches === false) return { kind: 'uncaught' };
    if (onlyIf === 'caught' && answers.catches === 'blocked') return { kind: 'blocked' };
    const target = to === 'auto' ? (answers.catches === true ? 'child' : 'group') : to;
    return { kind: 'sent', to: target, checked: answers.catches === true };
  }

  /** Hands an event to the core, and its answers after it; returns the effects of all, in words. */
  function send(occurrence: Occurrence): readonly string[] {
    const words: string[] = [];
    const queue: Occurrence[] = [occurrence];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const result = step(state, { ...next, at: now });
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
    /** Jobs that are under way. */
    jobs,
    passes(milliseconds: number) {
      now += milliseconds;
    },
  };
}

/** An effect in a few words; undefined for those that most tests have nothing to say about. */
export function describe(effect: Effect): string | undefined {
  switch (effect.type) {
    case 'signal': {
      const guard = effect.onlyIf === undefined ? '' : ` if ${effect.onlyIf}`;
      return `${effect.purpose} ${effect.signal} to ${effect.to} ${effect.pid}${guard}${effect.wake ? ' and CONT' : ''}`;
    }
    case 'log':
      // Every life begins with this line.
      if (effect.line.event === 'rehup.started') return undefined;
      return ['trace', 'debug'].includes(effect.line.level) ? undefined : effect.line.event;
    case 'exit':
      return effect.refusal === undefined ? `exit ${effect.code}` : `exit ${effect.code}: ${effect.refusal}`;
    case 'start':
      return 'start';
    case 'begin-job':
      return `job ${effect.job}: ${effect.task.kind === 'command' ? effect.task.words.join(' ') : effect.task.endpoint.text}`;
    case 'cancel-job':
      return `cancel job ${effect.job}`;
    case 'stage':
      return effect.task.op === 'tend' || effect.task.op === 'fail' ? undefined : effect.task.op;
    case 'print':
      return `print ${effect.text.split('\n')[0]}`;
    case 'suspend':
      return 'suspend';
    case 'listen':
      return `listen ${effect.address} ${effect.port}`;
    case 'reply':
      return `reply ${effect.connection}: ${effect.bytes.split('\r\n')[0]}`;
    case 'listen-local':
      return effect.path === undefined ? undefined : `listen ${effect.path}`;
    case 'hang-up':
      return `hang up ${effect.connection}`;
    case 'look':
    case 'watch':
    case 'check-group':
    case 'set-timer':
    case 'clear-timer':
      return undefined;
    default:
      return effect satisfies never;
  }
}
