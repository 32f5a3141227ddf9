import { expect, test } from 'vitest';
import { FLEET } from '../../src/core/fleet/fleet.ts';
import { GATE } from '../../src/core/gate/gate.ts';
import { OBSERVATION } from '../../src/core/observation/observation.ts';
import { READINESS } from '../../src/core/readiness/readiness.ts';
import { RELOAD } from '../../src/core/reload/reload.ts';
import { SIDECAR } from '../../src/core/sidecar/sidecar.ts';
import type { Effect } from '../../src/core/state/effect.ts';
import type { Settings } from '../../src/core/state/settings.ts';
import type { State } from '../../src/core/state/state.ts';
import { type CoreEvent, dispatch, newTurn, type Turn } from '../../src/core/state/turn.ts';
import { SUPERVISION } from '../../src/core/supervision/supervision.ts';
import { describe } from '../support/describe.ts';
import { EVENTS } from '../support/events.ts';
import { act, fleet, watch } from '../support/given.ts';
import { scenario } from '../support/scenario.ts';

/**
 * Every pair of a phase and an event, of each of the machines: what it leads to is written down in
 * transitions.md, which a change of the core changes and which its reviewer reads. `vitest -u` writes it anew.
 */

/** The answer that a gate waits for, in place of one to somebody else. */
function awaited({ gate: { transit } }: State, event: CoreEvent): CoreEvent {
  if (event.type !== 'staged' || !('job' in transit)) return event;
  const { job } = transit;
  const prepared = { op: 'prepared', generations: [], ownersKept: true } as const;
  return { type: 'staged', job, result: transit.phase === 'staging' ? prepared : { op: 'published' } };
}

/** The answer that is waited for of the server of the fleet. */
function answering({ slot }: State, event: CoreEvent): CoreEvent {
  if (event.type !== 'job-ended' || !('job' in slot)) return event;
  return { type: 'job-ended', job: slot.job, outcome: { kind: 'answered', status: 200 } };
}

type Step = (run: ReturnType<typeof scenario>) => unknown;

function reached(...steps: readonly Step[]): State {
  return reachedWith({}, ...steps);
}

function reachedWith(change: Partial<Settings>, ...steps: readonly Step[]): State {
  const run = scenario({
    watches: [watch('/v', 'SIGHUP')],
    onChange: act('SIGHUP'),
    settle: 500,
    verify: 5_000,
    ...change,
  });
  for (const step of steps) step(run);
  return run.state;
}

type Run = ReturnType<typeof scenario>;
const begun = (run: Run) => run.begin();
const verified = (run: Run) => run.elapses('verify-start');
const changed = (run: Run) => run.changes('two');
const settled = (run: Run) => run.elapses('settle');
const unanswered = (run: Run) => {
  run.answers.looksAnswered = false;
  run.answers.startsAnswered = false;
};
/** A restart, since the child does not catch the signal. */
const restarting = (run: Run) => {
  run.answers.catches = false;
  run.changes('two');
  run.elapses('settle');
};
const lingering = (run: Run) => {
  run.answers.groupAlive = true;
};
const failing = (run: Run) => {
  run.answers.startErrno = 'EAGAIN';
};
const exits = (run: Run) => run.exits(0);

const passes = (job: number) => (run: Run) =>
  run.send({
    type: 'job-ended',
    job,
    outcome: { kind: 'exited', status: { kind: 'code', code: 0 }, output: '' },
  });
const connects = (job: number) => (run: Run) =>
  run.send({ type: 'job-ended', job, outcome: { kind: 'connected' } });
const refuses = (job: number) => (run: Run) =>
  run.send({ type: 'job-ended', job, outcome: { kind: 'failed', reason: 'refused (ECONNREFUSED)' } });

const FLEETED: Partial<Settings> = { fleet: fleet({ timeout: 60_000 }) };
/** What an earlier life held is given back after the first start: by the first job. */
const returnedFirst = (run: Run) => void run.replies(200);
const asking = [begun, verified, returnedFirst, changed, settled] as const;
const grants = (run: Run) => void run.replies(200);

/** A state in each phase of the slot of the fleet. */
const SLOT: Record<State['slot']['phase'], State> = {
  off: reached(begun),
  unknown: reachedWith(FLEETED, begun),
  free: reachedWith(FLEETED, begun, verified, returnedFirst),
  asking: reachedWith(FLEETED, ...asking),
  pausing: reachedWith(FLEETED, ...asking, (run) => void run.replies(423)),
  held: reachedWith(FLEETED, ...asking, grants),
  returning: reachedWith(FLEETED, begun, verified),
  retrying: reachedWith(FLEETED, begun, verified, (run) => void run.replies(undefined)),
};

/** A state in each phase of the child's life. */
const CHILD: Record<State['child']['phase'], State> = {
  unborn: reached(),
  preparing: reached(unanswered, begun),
  starting: reached(begun, verified, restarting, (run) => {
    run.answers.startsAnswered = false;
    run.exits(0);
  }),
  retrying: reached(begun, verified, restarting, failing, exits),
  waiting: reachedWith({ onExit: 'restart' }, begun, exits),
  running: reached(begun),
  stopping: reached(begun, verified, restarting),
  clearing: reached(begun, verified, restarting, lingering, exits),
  quitting: reached(begun, (run) => run.signal('QUIT')),
  terminating: reached(begun, (run) => run.signal('TERM')),
  leaving: reached(begun, lingering, (run) => run.signal('TERM'), exits),
  parting: reachedWith(FLEETED, ...asking, grants, (run) => run.signal('TERM'), exits),
  ended: reached(begun, exits),
};

const POD = { state: '/state', growing: false, health: undefined, healthTimeout: 800 };
const recalled = (run: Run) =>
  run.send({ type: 'recalled', kept: undefined, since: 0, others: [], found: [] });

/** A state in each phase that the application of a sidecar can be in. */
const SIDECARS: Readonly<Record<string, State>> = {
  unborn: reachedWith({ sidecar: true }),
  preparing: reachedWith({ sidecar: true }, unanswered, begun),
  running: reachedWith({ sidecar: true }, begun),
  stopping: reachedWith(
    { sidecar: true, verify: 0, settle: 0, watches: [watch('/v', 'exit:88')], pod: POD },
    begun,
    recalled,
    changed,
  ),
  parting: reachedWith({ sidecar: true, fleet: fleet() }, begun, verified, (run) => run.signal('TERM')),
  ended: reachedWith({ sidecar: true }, begun, (run) => run.signal('TERM')),
};

/** A state in each phase from a change to its action. */
const PROGRESS: Record<State['configuration']['progress']['phase'], State> = {
  baseline: reached(),
  resting: reached(begun),
  settling: reached(begun, changed),
  holding: reached(begun, (run) => {
    run.answers.catches = false;
    run.changes('two');
    run.elapses('settle');
  }),
  splaying: reachedWith({ splay: 60_000 }, begun, changed, settled),
  reading: reached(begun, changed, unanswered, settled),
  gated: reachedWith({ check: [['check']] }, begun, passes(1), changed, settled),
  acting: reached(begun, verified, restarting),
};

const READY = { kind: 'tcp', endpoint: { host: '127.0.0.1', port: 80, text: 'tcp://127.0.0.1:80' } } as const;

const SERVING: Record<State['readiness']['phase'], State> = {
  idle: reached(),
  waiting: reachedWith({ ready: READY }, begun, connects(1), verified, changed, settled),
  probing: reachedWith({ ready: READY }, begun),
  pausing: reachedWith({ ready: READY }, begun, refuses(1)),
  listening: reachedWith({ ready: { kind: 'notify' } }, begun),
  ready: reachedWith({ ready: READY }, begun, connects(1)),
  late: reachedWith({ ready: READY }, begun, (run) => run.elapses('ready')),
};

const STAGED: Partial<Settings> = {
  stages: [{ source: '/v', target: '/t' }],
  check: [['check'], [{ source: '/v' }]],
};

const approved = (run: Run) => run.ran(0);

/** Work on the stages that is not answered, from the second task on: the first opens the targets. */
const stagedNever = (run: Run) => {
  run.answers.stagesAnswered = false;
};

/** A state in each phase of what is at the gate. */
const TRANSIT: Record<State['gate']['transit']['phase'], State> = {
  closed: reached(begun),
  staging: reachedWith(STAGED, begun, approved, verified, stagedNever, changed, settled),
  checking: reachedWith({ check: [['check']] }, begun),
  queueing: reachedWith(FLEETED, ...asking),
  publishing: reachedWith(STAGED, begun, stagedNever, approved),
};

const LOOKING: Record<State['observation']['phase'], State> = {
  idle: reached(begun),
  looking: reached(unanswered, begun),
};

/** What a cell of a table does, in words: where it leads, with which effects and notices. */
function outcome(state: State, next: State, turn: Turn, phase: (state: State) => string): string {
  const words = [...turn.effects.map(word), ...turn.notices.map((notice) => `(${notice.type})`)];
  const from = phase(state);
  const to = phase(next);
  const moved = from === to ? (next === state ? '' : 'stays') : `→ ${to}`;
  return [moved, words.join(', ')].filter((part) => part !== '').join(': ') || 'ignored';
}

function word(effect: Effect): string {
  if (effect.type === 'set-timer') return `set ${effect.timer} ${effect.delay}`;
  if (effect.type === 'clear-timer') return `clear ${effect.timer}`;
  if (effect.type === 'log') return `log ${effect.line.event}`;
  return describe(effect) ?? effect.type;
}

function rows(
  title: string,
  states: Readonly<Record<string, State>>,
  keys: readonly string[],
  run: (state: State, event: CoreEvent, turn: Turn) => State,
  phase: (state: State) => string,
): string {
  const lines: string[] = [`## ${title}`];
  for (const [name, state] of Object.entries(states)) {
    lines.push('', `### ${name}`, '', '| event | leads to |', '| --- | --- |');
    expect(phase(state), 'the state that stands for a phase is in it').toBe(name);
    for (const key of keys) {
      const event = EVENTS[key];
      if (event === undefined) throw new Error(`no event stands for ${key}`);
      const turn = newTurn(60_000);
      const next = run(state, event, turn);
      const impossible = turn.effects.some(
        (one) => one.type === 'log' && one.line.event === 'rehup.internal_error',
      );
      lines.push(`| ${key} | ${impossible ? '**impossible**' : outcome(state, next, turn, phase)} |`);
    }
  }
  return lines.join('\n');
}

test('every pair of a phase and an event does what transitions.md says', async () => {
  const text = [
    '# What the core does with each event in each phase',
    'Written by transitions.test.ts: a state in each phase is given an event of each kind. The stop is a TERM, the answer to\na signal that it was sent, the group empty, the content changed. In brackets: notices to the other machines.',
    rows(
      'The child',
      CHILD,
      Object.keys(SUPERVISION.running),
      (state, event, turn) => dispatch(SUPERVISION, 'child', state, state.child, event, turn),
      (state) => state.child.phase,
    ),
    rows(
      'The application of a sidecar, in another container',
      SIDECARS,
      Object.keys(SIDECAR.running),
      (state, event, turn) => dispatch(SIDECAR, 'sidecar', state, state.child, event, turn),
      (state) => state.child.phase,
    ),
    rows(
      'A reload',
      PROGRESS,
      Object.keys(RELOAD.resting),
      (state, event, turn) => dispatch(RELOAD, 'reload', state, state.configuration.progress, event, turn),
      (state) => state.configuration.progress.phase,
    ),
    rows(
      'The slot of the fleet',
      SLOT,
      Object.keys(FLEET.off),
      (state, event, turn) => dispatch(FLEET, 'slot', state, state.slot, answering(state, event), turn),
      (state) => state.slot.phase,
    ),
    rows(
      'The gate',
      TRANSIT,
      Object.keys(GATE.closed),
      (state, event, turn) => dispatch(GATE, 'gate', state, state.gate.transit, awaited(state, event), turn),
      (state) => state.gate.transit.phase,
    ),
    rows(
      'Serving',
      SERVING,
      Object.keys(READINESS.idle),
      (state, event, turn) => dispatch(READINESS, 'readiness', state, state.readiness, event, turn),
      (state) => state.readiness.phase,
    ),
    rows(
      'Looking',
      LOOKING,
      Object.keys(OBSERVATION.idle),
      (state, event, turn) => dispatch(OBSERVATION, 'observation', state, state.observation, event, turn),
      (state) => state.observation.phase,
    ),
  ].join('\n\n');
  await expect(`${text}\n`).toMatchFileSnapshot('transitions.md');
});
