import { createDrive } from './drive.ts';
import { readWatches } from './files/reading.ts';
import { createJobs } from './jobs/jobs.ts';
import { SIGCONT } from './process/signals.ts';
import { placeSocket } from './server/socket.ts';
import { createStaging } from './staging/staging.ts';
import type { Effect } from './state/effect.ts';
import type { Occurrence, SignalOutcome } from './state/event.ts';
import { initialState } from './state/initial.ts';
import type { Ports } from './state/ports.ts';
import type { Settings } from './state/settings.ts';
import type { State } from './state/state.ts';
import { step } from './step.ts';
import { parentPath } from './text/path.ts';

/** Takes what happened to the core, and the effects of the core to the ports. */
export type Engine = {
  /** Tells what happened, in that order. May be called from within a port. */
  deliver(...occurrences: readonly Occurrence[]): void;
};

/** Makes the engine of one life; `deliver({ type: 'begin', … })` starts it. */
export function createEngine(settings: Settings, ports: Ports): Engine {
  let state: State = initialState(settings);
  let over = false;
  let busy = false;
  const queue: Occurrence[] = [];
  let atWork = false;
  const stageSteps = createStaging();
  const staging: Extract<Effect, { type: 'stage' }>[] = [];
  const { clock } = ports;
  const drive = createDrive(ports.files, clock, () => over);
  const jobs = createJobs({
    commands: ports.commands,
    network: ports.network,
    drive,
    ended: (job, outcome) => deliver({ type: 'job-ended', job, outcome }),
  });

  function deliver(...occurrences: readonly Occurrence[]): void {
    queue.push(...occurrences);
    if (busy) return;
    busy = true;
    for (let next = queue.shift(); next !== undefined && !over; next = queue.shift()) handle(next);
    busy = false;
  }

  /** Answers to effects are handled before anything else that happened, so that the core never sees the world run ahead. */
  function handle(occurrence: Occurrence): void {
    const answers: Occurrence[] = [occurrence];
    for (let next = answers.shift(); next !== undefined && !over; next = answers.shift()) {
      const { state: after, effects } = step(state, { ...next, at: ports.clock.now() });
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
      case 'start': {
        const started = processes.start(settings.command, effect.environment);
        return 'pid' in started
          ? { type: 'spawned', pid: started.pid }
          : { type: 'spawn-failed', errno: started.errno };
      }
      case 'signal':
        return {
          type: 'signalled',
          signal: effect.signal,
          purpose: effect.purpose,
          outcome: sendSignal(effect),
        };
      case 'check-group':
        return {
          type: 'group',
          alive: processes.groupAlive(effect.pid),
          children: processes.hasChildren(),
        };
      case 'suspend':
        processes.suspend();
        return undefined;
      case 'look':
        drive(readWatches(effect.requests, settings.ignore), (readings) =>
          deliver({ type: 'looked', readings }),
        );
        return undefined;
      case 'begin-job':
        jobs.begin(effect.job, effect.task);
        return undefined;
      case 'cancel-job':
        jobs.cancel(effect.job);
        return undefined;
      case 'stage':
        staging.push(effect);
        stageNext();
        return undefined;
      case 'watch':
        ports.watcher.watch(effect.directories);
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
      case 'set-timer':
        clock.setTimer(effect.timer, effect.delay);
        return undefined;
      case 'clear-timer':
        clock.clearTimer(effect.timer);
        return undefined;
      case 'log':
        ports.log.write(effect.line);
        return undefined;
      case 'print':
        ports.print(effect.text);
        return undefined;
      case 'exit':
        over = true;
        ports.listener.end();
        ports.exit(effect.code, effect.refusal);
        return undefined;
      default:
        return effect satisfies never;
    }
  }

  function listenLocal({ path, uid }: Extract<Effect, { type: 'listen-local' }>): void {
    if (path !== undefined) ports.listener.listenLocal(path, undefined);
    else
      drive(placeSocket(uid), (place) => {
        if (place === undefined) deliver({ type: 'listening-local', path: undefined, errno: undefined });
        else ports.listener.listenLocal(place, parentPath(place));
      });
  }

  /** One task after the other, since each builds upon what the last one left. */
  function stageNext(): void {
    const next = atWork ? undefined : staging.shift();
    if (next === undefined) return;
    atWork = true;
    drive(stageSteps(next.task, settings.ignore), (result) => {
      atWork = false;
      deliver({ type: 'staged', job: next.job, result });
      stageNext();
    });
  }

  function sendSignal({ pid, signal, to, wake, onlyIf }: Extract<Effect, { type: 'signal' }>): SignalOutcome {
    const { processes } = ports;
    const asked = to === 'auto' || onlyIf !== undefined;
    const handling = asked ? processes.handling(pid, signal) : undefined;
    if (onlyIf !== undefined && handling === 'uncaught') return { kind: 'uncaught' };
    if (onlyIf === 'caught' && handling === 'blocked') return { kind: 'blocked' };
    const caught = handling === 'caught';
    const target = to === 'auto' ? (caught ? 'child' : 'group') : to;
    const errno = processes.signal(pid, signal, target);
    if (errno !== undefined) return { kind: 'failed', errno };
    if (wake) processes.signal(pid, SIGCONT, target);
    return { kind: 'sent', to: target, checked: caught };
  }

  return { deliver };
}
