import { SIDECAR_ROOM } from '../../src/core/sidecar/room.ts';
import type { Effect } from '../../src/core/state/effect.ts';
import type { Occurrence, TimerName } from '../../src/core/state/event.ts';
import { initialState } from '../../src/core/state/initial.ts';
import type { Settings } from '../../src/core/state/settings.ts';
import type { State } from '../../src/core/state/state.ts';
import { step } from '../../src/core/step.ts';
import { begin, volumeReading } from './given.ts';
import { keptState } from './kept-state.ts';
import type { Main, Phase } from './simulated-main.ts';
import { keepTimer } from './timers.ts';
import { FAR, HOST } from './visitor.ts';

/**
 * A pod in simulated time: a sidecar with `unhealthy`, an application that reads what is mounted when it is started, and a
 * kubelet that probes, stops, starts and runs the hook. How long each of these takes is given from outside.
 */

/** What a kubelet does with a livenessProbe of the application (period and failureThreshold), ms. */
const PERIOD = 10_000;
const THRESHOLD = 3;
/** After an end that nobody asked for, ms: the kubelet's first back-off. */
const BACK_OFF = 10_000;
/** Whatever is under way is over after this, ms. */
const QUIET = 15 * 60_000;

const PASSED = { kind: 'exited', status: { kind: 'code', code: 0 }, output: '' } as const;

/** Content that was written, and when the sidecar saw it first. */
type Change = { readonly text: string; seen: number | undefined };

/** @param names those of its main containers; the only one has none */
export function simulatedPod(settings: Settings, durations: () => number, names: readonly string[] = ['']) {
  let now = 0;
  let state: State | undefined;
  let upAt = 0;
  let content = '0';
  const mains = names.map(
    (name): Main => ({
      name: name === '' ? 'the application' : name,
      path: name === '' ? '' : `/${name}`,
      phase: { phase: 'stopping', until: 1_000 + (durations() % 90_000) },
      restartedAt: undefined,
    }),
  );
  const disk = keptState();
  let disturbed = false;
  const timers = new Map<TimerName, number>();
  /** When each check is over, which none fails. */
  const checks = new Map<number, number>();
  const changes: Change[] = [];
  const history: string[] = [];
  let restarts = 0;

  function check(promise: boolean, what: string): void {
    if (!promise) throw new Error(`${what}\n${history.join('\n')}`);
  }

  function note(what: string): void {
    history.push(`${now} ${what}`);
  }

  function send(occurrence: Occurrence): readonly Effect[] {
    const all: Effect[] = [];
    const queue: Occurrence[] = [occurrence];
    for (let next = queue.shift(); next !== undefined && state !== undefined; next = queue.shift()) {
      const result = step(state, { ...next, at: now }, SIDECAR_ROOM);
      state = result.state;
      for (const effect of result.effects) {
        all.push(effect);
        const answer = perform(effect);
        if (answer !== undefined) queue.push(answer);
      }
    }
    return all;
  }

  function perform(effect: Effect): Occurrence | undefined {
    switch (effect.type) {
      case 'look':
        for (const change of changes) change.seen ??= now;
        return { type: 'looked', readings: effect.requests.map(({ path }) => volumeReading(content, path)) };
      case 'recall':
        return {
          type: 'recalled',
          kept: disk.kept(),
          since: 0,
          others: [],
          found: disk.found(content, changes.length),
        };
      case 'keep':
        note(`keeps ${disk.keep(effect, content, changes.length)}`);
        return { type: 'kept', errno: undefined };
      case 'set-timer':
      case 'clear-timer':
        return keepTimer(timers, effect, now);
      case 'begin-job':
        if (effect.task.kind === 'command') {
          checks.set(effect.job, now + (durations() % 25_000));
          return undefined;
        }
        return {
          type: 'job-ended',
          job: effect.job,
          outcome: mains.some(({ phase }) => phase.phase === 'stopping')
            ? { kind: 'failed', reason: 'refused' }
            : { kind: 'connected' },
        };
      case 'cancel-job':
        checks.delete(effect.job);
        return undefined;
      case 'log':
        note(`    ${effect.line.event}: ${effect.line.message}`);
        check(effect.line.event !== 'rehup.internal_error', effect.line.message);
        return undefined;
      default:
        return undefined;
    }
  }

  /** Asks the sidecar; undefined where it does not run. */
  function get(path: string): { readonly status: number; readonly effects: readonly Effect[] } | undefined {
    if (state === undefined) return undefined;
    send({ type: 'accepted', connection: 1, peer: FAR });
    const effects = send({
      type: 'received',
      connection: 1,
      bytes: `GET ${path} HTTP/1.1\r\n\r\n`,
      host: HOST,
    });
    const reply = effects.find(({ type }) => type === 'reply');
    check(reply?.type === 'reply', `${path} is not answered at once`);
    send({ type: 'hung-up', connection: 1 });
    const status = reply?.type === 'reply' ? Number(reply.bytes.split(' ')[1]) : 0;
    if (!path.startsWith('/livez') || status !== 200) note(`GET ${path}: ${status}`);
    return { status, effects };
  }

  function start(main: Main): void {
    main.phase = { phase: 'starting', read: content, hookAt: now + (durations() % 25_000) };
    note(`${main.name} is started, and reads ${content}`);
  }

  function stop(main: Main, delay: number): void {
    main.phase = { phase: 'stopping', until: now + delay };
  }

  function probe(main: Main, running: Extract<Phase, { phase: 'running' }>): void {
    const answer = get(`/livez${main.path}`);
    const failed = answer?.status !== 200;
    const told = answer?.status === 503 ? now : running.told;
    const failures = failed ? running.failures + 1 : 0;
    main.phase = { ...running, failures, probeAt: now + PERIOD, told: failed ? told : undefined };
    if (failures < THRESHOLD) return;
    note(`the kubelet stops ${main.name}`);
    if (told !== undefined) {
      const last = main.restartedAt;
      // What is seen in the millisecond of an answer may come after it.
      const reason = changes.some(({ seen }) => seen !== undefined && (last === undefined || seen >= last));
      check(reason, 'restarted twice for the same content');
      main.restartedAt = told;
      restarts += 1;
    }
    stop(main, durations() % 30_000);
  }

  function hook(main: Main, { read }: Extract<Phase, { phase: 'starting' }>): void {
    if (get(`/started${main.path}`) === undefined) {
      note(`the hook of ${main.name} is refused: it is stopped`);
      stop(main, BACK_OFF);
    } else main.phase = { phase: 'running', read, failures: 0, probeAt: now + PERIOD, told: undefined };
  }

  /** What is due next, of all that goes on. */
  function dueAt(): number {
    const own = mains.map(({ phase }) =>
      phase.phase === 'running' ? phase.probeAt : phase.phase === 'starting' ? phase.hookAt : phase.until,
    );
    return Math.min(...own, state === undefined ? upAt : Math.min(...timers.values(), ...checks.values()));
  }

  function act(): void {
    if (state === undefined && upAt <= now) {
      note('the sidecar is started');
      state = initialState(settings);
      timers.clear();
      checks.clear();
      send(begin());
    }
    for (const [job, at] of [...checks]) {
      if (at > now || !checks.delete(job)) continue;
      note('the check passes');
      send({ type: 'job-ended', job, outcome: PASSED });
    }
    for (const [timer, at] of [...timers]) {
      if (at > now || timers.get(timer) !== at) continue;
      timers.delete(timer);
      send({ type: 'timer', timer });
    }
    for (const main of mains) {
      const { phase } = main;
      if (phase.phase === 'running' && phase.probeAt <= now) probe(main, phase);
      else if (phase.phase === 'starting' && phase.hookAt <= now) hook(main, phase);
      else if (phase.phase === 'stopping' && phase.until <= now) start(main);
    }
  }

  /** Whom something happens to; where there is one nothing is drawn. */
  function oneOf(): Main {
    const [first, ...others] = mains;
    const chosen = others.length === 0 ? first : mains[durations() % mains.length];
    if (chosen === undefined) throw new Error('a pod has a main container');
    return chosen;
  }

  const self = {
    history,
    restarts: () => restarts,
    /** Whether a stranger was taken for the application. */
    disturbed: () => disturbed,
    passes(ms: number): void {
      const until = now + ms;
      for (let due = dueAt(); due <= until; due = dueAt()) {
        now = Math.max(now, due);
        act();
      }
      now = until;
    },
    changes(text: string): void {
      if (text === content) return;
      content = text;
      changes.push({ text, seen: undefined });
      note(`the content is ${text}`);
      send({ type: 'hint' });
    },
    crashes(): void {
      const main = oneOf();
      if (main.phase.phase === 'stopping') return;
      note(`${main.name} ends by itself`);
      stop(main, durations() % 2_000);
    },
    stranger(): void {
      note('a stranger:');
      // What is heard early counts later.
      const early = state?.child.phase === 'preparing';
      const answer = get(`/started${oneOf().path}`);
      const counted =
        early ||
        answer?.effects.some(
          (effect) => effect.type === 'log' && effect.line.event === 'sidecar.main_started',
        );
      disturbed ||= counted === true;
    },
    /** A stranger makes up the name of a container: that it was started, or that its probe asks. */
    madeUp(what: 'started' | 'livez'): void {
      note('a stranger:');
      const answer = get(`/${what}/made-up`);
      // Who asks for probes too is taken for one that does not start.
      disturbed ||= what === 'livez' && answer?.status === 503;
    },
    /** The sidecar is killed, and started again after so long. */
    killed(ms: number): void {
      if (state === undefined) return;
      note(`the sidecar is killed for ${ms} ms`);
      state = undefined;
      upAt = now + ms;
    },
    /** From here on nothing happens but what the kubelet does. */
    settles(): void {
      self.passes(QUIET);
      if (disturbed) {
        // The worst that a stranger can do is to delay one change until the next.
        self.changes('last');
        self.passes(QUIET);
      }
      for (const { name, phase } of mains) {
        const runs = phase.phase === 'running' && phase.read === content;
        check(runs, `${name} does not run on ${content}: ${JSON.stringify(phase)}`);
        check(phase.phase === 'running' && phase.failures === 0, `${name} is not well`);
      }
      check(state?.configuration.degraded === undefined, `degraded: ${state?.configuration.degraded}`);
    },
  };
  return self;
}
