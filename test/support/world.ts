import type { Reading, ReadingRequest } from '../../src/core/files/reading.ts';
import { SIGINT, SIGKILL, SIGTERM } from '../../src/core/process/signals.ts';
import type { Effect } from '../../src/core/state/effect.ts';
import type { Occurrence, SignalOutcome, TimerName } from '../../src/core/state/event.ts';
import { initialState } from '../../src/core/state/initial.ts';
import type { Settings } from '../../src/core/state/settings.ts';
import type { State } from '../../src/core/state/state.ts';
import { step } from '../../src/core/step.ts';
import { randomTelling } from './announcing.ts';
import { randomFamily } from './family.ts';
import { fleetServer } from './fleet-world.ts';
import { begin, sig, volumeReading } from './given.ts';
import { reloadOutcomes } from './reload-outcomes.ts';
import { checkSettled } from './settled.ts';
import { randomTargets } from './targets.ts';

/** Signals that come from outside in a random life; TERM and INT are rare, since they end it. */
const SIGNALS = ['HUP', 'USR1', 'CONT', 'QUIT', 'HUP', 'USR1', 'TERM', 'INT'];
const CONTENTS = ['one', 'two', 'three', ''];

/**
 * A world around the core in which anything that can happen may happen next, in any order: answers are late, looks see
 * what was there at their start or at their end, or nothing, events are lost, processes linger. It checks the promises
 * of the specification at each step; a broken one throws.
 */
export function randomWorld(settings: Settings) {
  let state: State = initialState(settings);
  let now = 0;
  let pids = 100;
  let child: number | undefined;
  let verified = false;
  /** Whether rehup could not signal the child, which is no fault of the content. */
  let unpermitted = false;
  const family = randomFamily();
  let stopped = false;
  let exited: number | undefined;
  /** Whether the content changed without a hint that came after it. */
  let untold = false;
  const paths = [
    ...new Set([...settings.watches.map(({ path }) => path), ...settings.environmentDirectories]),
  ];
  let contents = paths.map(() => 'one');
  const targets = randomTargets(settings, (source) => contents[paths.indexOf(source)] ?? '', check);
  const announcing = randomTelling(settings, check);
  const server = fleetServer(check);
  const timers = new Map<TimerName, number>();
  const questions: Question[] = [];
  const outcomes = reloadOutcomes(check);
  const history: string[] = [];

  type Question = { readonly effect: Effect; readonly contents: readonly string[] };

  function check(promise: boolean, what: string): void {
    if (!promise) throw new Error(`${what}\n${history.join('\n')}`);
  }

  function send(occurrence: Occurrence): undefined {
    history.push(`${now} ${JSON.stringify(occurrence)}`);
    if (occurrence.type === 'hint' || occurrence.type === 'watching') untold = false;
    if (occurrence.type === 'signal' && [SIGTERM, SIGINT].includes(occurrence.signal)) stopped = true;
    const before = exited;
    const result = step(state, { ...occurrence, at: now });
    state = result.state;
    check(before === undefined || result.effects.length === 0, 'an effect after the exit');
    for (const effect of result.effects) observe(effect);
  }

  function observe(effect: Effect): void {
    if (effect.type !== 'log') history.push(`    ${JSON.stringify(effect)}`);
    announcing.observe(effect);
    server.observe(effect, state);
    switch (effect.type) {
      case 'start':
        check(!stopped, 'a start after a stop');
        check(child === undefined && !family.lingers, 'a start beside a child or the rest of its group');
        check(!questions.some((question) => question.effect.type === 'start'), 'two starts at once');
        questions.push({ effect, contents });
        break;
      case 'signal':
        check(child === effect.pid || effect.pid === pids, 'a signal to a process that is not the child');
        check(effect.signal !== SIGKILL || !stopped, 'a SIGKILL after a stop from outside');
        if (effect.purpose === 'stop' && !stopped && child !== undefined && effect.signal === SIGTERM) {
          const { progress } = state.configuration;
          const back = progress.phase === 'acting' && progress.reload.rollback !== undefined;
          check(back || verified || settings.verify === 0, 'a restart while the start is unverified');
        }
        questions.push({ effect, contents });
        break;
      case 'begin-job':
        check(!stopped || effect.task.kind === 'post', 'a job after a stop');
        questions.push({ effect, contents });
        break;
      case 'cancel-job': {
        const asked = questions.findIndex(
          (question) => question.effect.type === 'begin-job' && question.effect.job === effect.job,
        );
        check(asked >= 0, `job ${effect.job} is cancelled though it is over`);
        questions.splice(asked, 1);
        break;
      }
      case 'stage':
        targets.keeps(effect.task);
        questions.push({ effect, contents });
        break;
      case 'look':
        check(!questions.some((question) => question.effect.type === 'look'), 'two looks at once');
        questions.push({ effect, contents });
        break;
      case 'signal-each':
        check(effect.signal !== SIGKILL || !stopped, 'a SIGKILL after a stop from outside');
        if (exited === undefined) questions.push({ effect, contents });
        break;
      case 'check-group':
      case 'hear':
        questions.push({ effect, contents });
        break;
      case 'set-timer':
        timers.set(effect.timer, now + effect.delay);
        break;
      case 'clear-timer':
        timers.delete(effect.timer);
        break;
      case 'log': {
        const { event, fields } = effect.line;
        history.push(`    ${event}: ${effect.line.message}`);
        check(event !== 'rehup.internal_error', effect.line.message);
        if (event === 'reload.rolled_back') targets.checkGood();
        outcomes.observe(event, Number(fields['reload']));
        break;
      }
      case 'exit':
        check(exited === undefined, 'two exits');
        exited = effect.code;
        break;
      default:
        break;
    }
  }

  function readings(texts: readonly string[], kind: number): readonly Reading[] {
    // What was gone or unreadable for a moment comes back without a word.
    if (kind === 5 || kind === 6) untold = true;
    return paths.map((path, index) => {
      const text = texts[index] ?? '';
      if (kind === 5) return { status: 'missing', expected: true, volume: undefined, places: new Map() };
      if (kind === 6) return { status: 'unreadable', failed: 'open', path, errno: 'EIO' };
      return volumeReading(text, path, kind !== 4, settings.environmentDirectories.includes(path));
    });
  }

  function asked(requests: readonly ReadingRequest[], all: readonly Reading[]): readonly Reading[] {
    return requests.flatMap(({ path }) => all[paths.indexOf(path)] ?? []);
  }

  /** Answers a question of the core; `fair`: as a world does in which all goes well. */
  function answer(question: Question, choice: number, fair: boolean): undefined {
    // What is done to the stages is done one after the other.
    const first = questions.find((one) => one.effect.type === 'stage');
    if (question.effect.type === 'stage' && first !== undefined && first !== question)
      return answer(first, choice, fair);
    const { effect } = question;
    questions.splice(questions.indexOf(question), 1);
    switch (effect.type) {
      case 'look':
        return send({
          type: 'looked',
          readings: asked(
            effect.requests,
            readings(choice % 2 === 0 || fair ? contents : question.contents, fair ? 0 : choice % 10),
          ),
        });
      case 'start':
        if (!fair && choice % 5 === 0) return send({ type: 'spawn-failed', errno: 'EAGAIN' });
        pids += 1;
        child = pids;
        verified = settings.verify === 0;
        return send({ type: 'spawned', pid: pids });
      case 'signal':
        return send({
          type: 'signalled',
          signal: effect.signal,
          purpose: effect.purpose,
          outcome: signalOutcome(effect, fair ? 1 : choice),
        });
      case 'begin-job': {
        const { job, task } = effect;
        const outcome = server.answers(job, task, fair ? 1 : choice);
        if (task.kind === 'command' && task.words[0] === 'check')
          targets.judged(task.words[1] ?? '', outcome);
        return send({ type: 'job-ended', job, outcome });
      }
      case 'stage':
        return send({
          type: 'staged',
          job: effect.job,
          result: targets.perform(effect.task, fair ? 1 : choice),
        });
      case 'hear':
        return send(announcing.says(choice, now));
      case 'check-group':
        return send(family.looked(effect, choice, fair, child !== undefined));
      case 'signal-each': {
        const refused = !fair && choice % 6 === 0 ? effect.processes : [];
        const sent = refused.length > 0 ? [] : effect.processes;
        family.spare(refused);
        const { signal, purpose } = effect;
        return send({ type: 'each-signalled', signal, purpose, sent, refused });
      }
      default:
        return undefined;
    }
  }

  function signalOutcome(effect: Extract<Effect, { type: 'signal' }>, choice: number): SignalOutcome {
    if (child === undefined && effect.to !== 'group') return { kind: 'failed', errno: 'ESRCH' };
    if (effect.purpose !== 'forward' && choice % 11 === 0) {
      // It can't be stopped, and the time of its start is over.
      verified = true;
      unpermitted = true;
      return { kind: 'failed', errno: 'EPERM' };
    }
    const program = 'app';
    if (effect.onlyIf !== undefined && choice % 4 === 0)
      return { kind: 'held', handling: 'uncaught', program };
    if (effect.onlyIf === 'caught' && choice % 4 === 1) return { kind: 'held', handling: 'blocked', program };
    const to = effect.to === 'auto' ? (choice % 2 === 0 ? 'group' : 'child') : effect.to;
    const handling = choice % 2 === 0 ? 'caught' : 'blocked';
    return { kind: 'sent', to, handled: choice % 7 === 0 ? undefined : { handling, program } };
  }

  function childEnds(choice: number): void {
    child = undefined;
    const killed = choice % 5 === 4;
    send({
      type: 'child-exited',
      status: killed ? { kind: 'signal', signal: sig('HUP') } : { kind: 'code', code: choice % 4 },
    });
  }

  function fire(timer: TimerName): void {
    now = Math.max(now, timers.get(timer) ?? 0);
    timers.delete(timer);
    if (timer === 'verify-start' || timer === 'ready') verified = true;
    announcing.fired(timer);
    send({ type: 'timer', timer });
  }

  return {
    begin: () => send(begin()),
    get exited() {
      return exited;
    },
    /** Something happens; which thing, the choice says. */
    happens(choice: number): void {
      const [question] = questions;
      const set = [...timers.keys()];
      now += choice % 3 === 0 ? choice % 700 : 0;
      const kind = choice % 16;
      const detail = choice >> 4;
      if (kind <= 5 && question !== undefined)
        answer(questions[detail % questions.length] ?? question, detail, false);
      else if (kind <= 7 && set.length > 0) fire(set[detail % set.length] ?? 'poll');
      else if (kind <= 10) {
        contents = contents.map((text, index) =>
          (detail >> index) % 2 === 0 ? text : (CONTENTS[detail % 4] ?? text),
        );
        untold = true;
        if (kind !== 10) send({ type: 'hint' });
      } else if (kind === 11) send({ type: detail % 2 === 0 ? 'hint' : 'watching' });
      else if (kind === 12 && child !== undefined && (state.child.phase !== 'running' || detail % 4 === 0))
        childEnds(detail);
      else if (kind === 13 && detail % 2 === 0) send({ type: 'notified' });
      else if (kind === 13) send({ type: 'watch-failed', paths: ['/v'], errno: 'EMFILE' });
      else if (kind >= 14 && state.child.phase !== 'unborn') {
        const name = SIGNALS[detail % (detail % 3 === 0 ? SIGNALS.length : SIGNALS.length - 2)] ?? 'HUP';
        send({ type: 'signal', signal: sig(name) });
      }
    },
    /** From here on all goes well: questions are answered, children end when asked to, timers fire in their order. */
    settles(): void {
      if (untold) send({ type: 'hint' });
      for (let rounds = 0; rounds < 200 && exited === undefined; rounds++) {
        const [question] = questions;
        if (question !== undefined) answer(question, 2, true);
        else if (state.readiness.phase === 'listening') send(announcing.isReady());
        else if (child !== undefined && ['stopping', 'terminating'].includes(state.child.phase)) childEnds(0);
        else {
          const [next] = [...timers]
            .filter(([name]) => name !== 'poll')
            .sort(([, one], [, other]) => one - other);
          if (next === undefined) break;
          fire(next[0]);
        }
      }
      if (exited === undefined) checkSettled(state, { paths, contents, unpermitted }, check);
      if (exited === undefined) server.settled(state);
      outcomes.checkEnded();
    },
  };
}
