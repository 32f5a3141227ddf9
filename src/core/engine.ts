import { createDrive } from './drive.ts';
import { type Reading, readWatches } from './files/reading.ts';
import { createAsking } from './files/remote/helpers.ts';
import { missingPrograms, type Programs } from './files/remote/programs.ts';
import { createRoutes, ELSEWHERE, type Session, withoutElsewhere } from './files/remote/routes.ts';
import { createJobs } from './jobs/jobs.ts';
import { createNoise } from './observation/noise.ts';
import { doesCount } from './observation/observation.ts';
import { createAutopsy } from './process/memory.ts';
import { createReach } from './reach.ts';
import { hear, startChild } from './readiness/channel.ts';
import { placeSocket } from './server/socket.ts';
import type { SidecarRoom } from './sidecar/room.ts';
import { createStaging } from './staging/staging.ts';
import type { Effect } from './state/effect.ts';
import type { Occurrence } from './state/event.ts';
import { initialState } from './state/initial.ts';
import type { JobOutcome } from './state/job.ts';
import type { Ports } from './state/ports.ts';
import type { Settings } from './state/settings.ts';
import type { State } from './state/state.ts';
import { keyOf } from './state/turn.ts';
import { step } from './step.ts';
import { createStopwatch, type Longest } from './stopwatch.ts';
import { deliverSignal, lookAtGroup, signalEach, suspend } from './supervision/delivery.ts';
import { parentPath } from './text/path.ts';
import { timedPorts } from './timed.ts';

/** For so long a single answer of a file server is waited for, ms; less before anything was started. */
const PATIENCE = 10_000;
const START_PATIENCE = 5_000;

/** What stands for a reading that a look owes. */
const NOT_READ: Reading = { status: 'unchanged' };

/** Takes what happened to the core, and the effects of the core to the ports. */
export type Engine = {
  /** Tells what happened, in that order. May be called from within a port. */
  deliver(...occurrences: readonly Occurrence[]): void;
  /** Runs what a host does besides, so that the time that it takes is known: see {@link createStopwatch}. */
  timed(what: string, act: () => void): void;
};

/** What is to be run; the room of the sidecar, where it is one. */
export type Running = { readonly settings: Settings; readonly room: SidecarRoom | undefined };

/** Makes the engine of one life; `deliver({ type: 'begin', … })` starts it. */
export function createEngine({ settings, room }: Running, ports: Ports): Engine {
  let state: State = initialState(settings);
  let over = false;
  let busy = false;
  const queue: Occurrence[] = [];
  let atWork = false;
  const stageSteps = createStaging();
  const staging: Extract<Effect, { type: 'stage' }>[] = [];
  const { clock } = ports;
  const stopwatch = createStopwatch(clock, logStep);
  const asking = createAsking({
    helpers: ports.helpers,
    now: clock.now,
    wake: (delay) => clock.setTimer('server', delay),
    soon: clock.soon,
    answering: () => deliver({ type: 'answering' }),
  });
  const routes = createRoutes(ports.files, asking);
  const driveBy = (session: Session) => createDrive(session, clock, () => over, stopwatch);
  const reach = createReach(routes, driveBy, ports.cwd);
  const jobs = createJobs({
    ...timedPorts(ports, stopwatch),
    drive: (steps, told) => driveBy(routes.begin(PATIENCE))(steps, told),
    reach,
    ended: (job, outcome) => deliver({ type: 'job-ended', job, outcome: outcomeOf(outcome) }),
  });
  const keeping = room?.createKeeping(
    (steps, told) => driveBy(routes.begin(START_PATIENCE))(steps, told),
    settings.ignore,
  );
  const noise = createNoise(clock, ports.watcher);
  const autopsy = createAutopsy(ports.processes.proc);

  function deliver(...occurrences: readonly Occurrence[]): void {
    const [first] = occurrences;
    if (first?.type === 'timer' && first.timer === 'noise') noise.due();
    else if (!busy && occurrences.length === 1 && first?.type === 'hint' && !doesCount(state, first))
      noise.inVain();
    else take(occurrences);
  }

  function take(occurrences: readonly Occurrence[]): void {
    if (occurrences[0]?.type === 'hint') noise.counted();
    queue.push(...occurrences);
    if (busy) return;
    busy = true;
    stopwatch.timed('deliver', () => {
      for (let next = queue.shift(); next !== undefined && !over; next = queue.shift()) handle(next);
    });
    busy = false;
  }

  function outcomeOf(outcome: JobOutcome): JobOutcome {
    return outcome.kind === 'exited' ? { ...outcome, status: autopsy(outcome.status) } : outcome;
  }

  function logStep({ wall, processor }: Longest): void {
    const ms = Math.ceil(wall.ms);
    const message = `the longest step so far took ${ms} ms: ${wall.what}`;
    const fields = { ms, what: wall.what, cpu_ms: Math.ceil(processor.ms), cpu_what: processor.what };
    ports.log.write({ level: 'trace', event: 'engine.longest_step', message, fields });
  }

  /** Answers to effects are handled before anything else that happened, so that the core never sees the world run ahead. */
  function handle(occurrence: Occurrence): void {
    if (occurrence.type === 'timer' && occurrence.timer === 'server') asking.due();
    const answers: Occurrence[] =
      occurrence.type === 'child-exited'
        ? [{ ...occurrence, status: autopsy(occurrence.status) }]
        : [occurrence];
    for (let next = answers.shift(); next !== undefined && !over; next = answers.shift()) {
      stopwatch.doing(keyOf(next));
      const { state: after, effects } = step(state, { ...next, at: ports.clock.now() }, room);
      state = after;
      for (const effect of effects) {
        const answer = perform(effect);
        if (answer !== undefined) answers.push(answer);
      }
    }
  }

  function perform(effect: Effect): Occurrence | undefined {
    const { processes } = ports;
    switch (effect.type) {
      // The most frequent ones first: the engine of the static edition goes through them one by one.
      case 'log':
        ports.log.write(effect.line);
        return undefined;
      case 'set-timer':
        clock.setTimer(effect.timer, effect.delay);
        return undefined;
      case 'clear-timer':
        clock.clearTimer(effect.timer);
        return undefined;
      case 'look':
        driveBy(routes.begin(undefined))(readWatches(effect.requests, settings.ignore), (readings) =>
          deliver({ type: 'looked', readings }),
        );
        return undefined;
      case 'signal':
        return {
          type: 'signalled',
          signal: effect.signal,
          purpose: effect.purpose,
          outcome: deliverSignal(processes, effect),
        };
      case 'watch':
        ports.watcher.watch(effect.places);
        return undefined;
      case 'start': {
        let answer: Occurrence | undefined;
        let returned = false;
        reach(settings.command, effect.environment, (programs) => {
          const occurrence = start(effect.environment, programs);
          if (returned) deliver(occurrence);
          else answer = occurrence;
        });
        returned = true;
        return answer;
      }
      case 'signal-each':
        return signalEach(processes, effect);
      case 'signal-named':
        return room?.signalNamed(processes, effect);
      case 'recall': {
        const { directory, own } = effect;
        const others = room?.othersInPod(processes, own) ?? [];
        const recalled = { type: 'recalled', kept: undefined, since: 0, others, found: [] } as const;
        if (directory === undefined) return recalled;
        keeping?.recall(directory, ({ kept, found }) => {
          const since = kept === undefined ? 0 : Math.max(0, clock.wall() - kept.ended);
          deliver({ ...recalled, kept, since, found });
        });
        return undefined;
      }
      case 'keep': {
        const others = () => room?.othersInPod(processes, effect.own) ?? [];
        const now = effect.as === 'end' ? { ended: clock.wall(), others: others() } : {};
        keeping?.keep(effect, now, (errno) => deliver({ type: 'kept', errno }));
        return undefined;
      }
      case 'see-others':
        return { type: 'others', others: room?.othersInPod(processes, effect.own) ?? [] };
      case 'check-group':
        return lookAtGroup(processes, effect);
      case 'suspend':
        suspend(processes, effect);
        return undefined;
      case 'seek':
        driveBy(routes.begin(START_PATIENCE))(
          missingPrograms(effect.programs, effect.path, ports.cwd),
          (missing) => deliver({ type: 'sought', missing }),
        );
        return undefined;
      case 'look-apart':
        lookApart(effect);
        return undefined;
      case 'begin-job':
        jobs.begin(effect.job, effect.task);
        return undefined;
      case 'cancel-job':
        jobs.cancel(effect.job);
        return undefined;
      case 'hear':
        return hear(ports);
      case 'close-notify':
        ports.notifications.close();
        return undefined;
      case 'stage':
        staging.push(effect);
        stageNext();
        return undefined;
      case 'listen':
        ports.listener.listen(effect.address, effect.port);
        return undefined;
      case 'listen-local':
        listenLocal(effect);
        return undefined;
      case 'reply':
        ports.listener.reply(effect.connection, effect.bytes);
        return undefined;
      case 'hang-up':
        ports.listener.hangUp(effect.connection);
        return undefined;
      case 'print':
        ports.print(effect.text);
        return undefined;
      case 'exit':
        over = true;
        ports.listener.end();
        logStep(stopwatch.longest());
        ports.exit(effect.code, effect.refusal, effect.refusal ?? effect.reason);
        return undefined;
      default:
        return effect satisfies never;
    }
  }

  /** A socket is made where that can't hang, since rehup itself has to. */
  function listenLocal({ path, uid }: Extract<Effect, { type: 'listen-local' }>): void {
    const session = routes.begin(undefined);
    if (path !== undefined && session.isElsewhere(parentPath(path)))
      deliver({ type: 'listening-local', path, errno: ELSEWHERE });
    else if (path !== undefined) ports.listener.listenLocal(path, undefined);
    else
      driveBy(session)(placeSocket(uid), (place) => {
        if (place === undefined) deliver({ type: 'listening-local', path: undefined, errno: undefined });
        else ports.listener.listenLocal(place, parentPath(place));
      });
  }

  function start(environment: readonly string[], programs: Programs | undefined): Occurrence {
    return programs !== undefined && 'errno' in programs
      ? { type: 'spawn-failed', errno: programs.errno }
      : startChild(ports, settings, environment, programs?.files);
  }

  function lookApart({ request, patience }: Extract<Effect, { type: 'look-apart' }>): void {
    const session = routes.begin(patience);
    const { path } = request;
    driveBy(session)(readWatches([request], settings.ignore), ([reading = NOT_READ]) => {
      const { servers } = session;
      deliver({ type: 'looked-apart', path, reading: withoutElsewhere(reading, session), servers });
    });
  }

  /** One task after the other, since each builds upon what the last one left. */
  function stageNext(): void {
    const next = atWork ? undefined : staging.shift();
    if (next === undefined) return;
    atWork = true;
    const session = routes.begin(next.task.op === 'open' ? START_PATIENCE : PATIENCE);
    driveBy(session)(stageSteps(next.task, settings.ignore), (result) => {
      atWork = false;
      const { servers } = session;
      const staged = { type: 'staged', job: next.job, result } as const;
      deliver(servers.length === 0 ? staged : { ...staged, servers });
      stageNext();
    });
  }

  return { deliver, timed: stopwatch.timed };
}
