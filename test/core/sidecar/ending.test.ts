import { describe, expect, test } from 'vitest';
import { parsePodAction } from '../../../src/core/sidecar/action.ts';
import { othersInPod } from '../../../src/core/sidecar/others.ts';
import type { Kept } from '../../../src/core/state/child.ts';
import type { Settings } from '../../../src/core/state/settings.ts';
import { ALARM, fleet } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** Specification 7, `exit:CODE`: the sidecar ends, a rule of the pod restarts all containers, and its next life answers for it. */

const MINUTE = 60_000;
const POD = { state: '/state', growing: true, health: undefined, healthTimeout: 800 };

function sidecar(change: Partial<Settings> = {}, growing = true) {
  const parsed = parsePodAction('exit:88');
  if (!parsed.ok) throw new Error(parsed.error);
  const onChange = parsed.value;
  const pod = { ...POD, growing };
  const usual = { sidecar: true, command: [], onChange, watches: [{ path: '/v', action: onChange }], pod };
  return scenario({ verify: 0, minInterval: growing ? MINUTE : 0, settle: 0, ...usual, ...change });
}

type Life = ReturnType<typeof sidecar>;

/** What an earlier life kept, which ended for a change of `/v/k`. */
function kept(change: Partial<Kept> = {}): Kept {
  const usual = {
    paths: ['/v/k'],
    ended: 0,
    code: 88,
    others: ['socket 80 7'],
    alone: 0,
    interval: MINUTE,
    hooks: [],
    answered: [],
    anew: [],
    overdue: [],
  };
  return { ...usual, ...change };
}

function begun(life: Life, known?: Kept, since = 2_000, others: readonly string[] = []): readonly string[] {
  return [...life.begin(), ...life.send({ type: 'recalled', kept: known, since, others, found: [] })];
}

const events = (life: Life) =>
  life.performed.flatMap((effect) => (effect.type === 'log' ? [effect.line.event] : []));
const reasons = (life: Life) =>
  life.performed.flatMap((effect) =>
    effect.type === 'log' && effect.line.event === 'reload.failed' ? [effect.line.message] : [],
  );
/** What is to be kept over the end of this life. */
function keptLast(life: Life): Kept {
  const effect = life.performed.findLast((one) => one.type === 'keep' && one.as === 'end');
  if (effect?.type !== 'keep') throw new Error('nothing was kept');
  // The host says when.
  return { ...effect.kept, ended: 1 };
}

const ENDING = 'keep the end with 88 for /v/k';

describe('a change', () => {
  test('ends the sidecar with the code, once what the next life must know is kept', () => {
    const life = sidecar();
    expect(begun(life)).toContain('sidecar.started');
    expect(life.changes('two')).toEqual(expect.arrayContaining(['sidecar.ending', ENDING]));
    expect(events(life)).not.toContain('reload.applied');
    expect(life.send({ type: 'kept', errno: undefined })).toEqual(['exit 88']);
  });

  test('ends it all the same where nothing can be kept, with a warning', () => {
    const life = sidecar();
    begun(life);
    life.changes('two');
    expect(life.send({ type: 'kept', errno: 'EROFS' })).toEqual(['sidecar.not_kept', 'exit 88']);
  });

  test('without a place for that ends it at once', () => {
    const life = sidecar({ pod: { ...POD, state: undefined } });
    expect(life.begin()).toContain('sidecar.started');
    expect(life.changes('two').at(-1)).toBe('exit 88');
  });

  test('that the check rejects restarts nothing', () => {
    const life = sidecar({ check: [['check']] });
    begun(life);
    life.ran(0);
    life.changes('bad');
    expect(life.ran(1)).toContain('reload.rejected');
    expect(life.state.child.phase).toBe('running');
    life.changes('good');
    expect(life.ran(0)).toContain(ENDING);
  });

  test('takes the application out of its Service first: --drain', () => {
    const life = sidecar({ drain: 5_000 });
    begun(life);
    expect(life.changes('two')).not.toContain(ENDING);
    expect(life.state.configuration.progress).toMatchObject({ draining: true });
    expect(life.elapses('drain')).toContain(ENDING);
  });

  test('waits for a slot, which stays held over the end', () => {
    const life = sidecar({ fleet: fleet() });
    begun(life);
    life.replies(200);
    expect(life.changes('two')).toContain('job 2: pre-reboot');
    expect(life.replies(200)).toContain(ENDING);
    expect(life.send({ type: 'kept', errno: undefined })).toEqual(['exit 88']);
  });

  test('a stop that comes while that is being kept ends it as asked to', () => {
    const life = sidecar();
    begun(life);
    life.changes('two');
    expect(life.signal('TERM')).not.toContain('exit 0');
    expect(life.send({ type: 'kept', errno: undefined })).toEqual(['exit 0']);
    const stuck = sidecar();
    begun(stuck);
    stuck.changes('two');
    stuck.signal('TERM');
    expect(stuck.elapses('parting')).toEqual(['exit 0']);
  });
});

describe('the next life', () => {
  test('says what became of it once it is verified', () => {
    const life = sidecar({ verify: 5_000 });
    begun(life, kept());
    expect(events(life)).toContain('sidecar.resumed');
    expect(events(life)).not.toContain('reload.applied');
    expect(life.elapses('verify-start')).toContain('reload.applied');
    expect(events(life)).not.toContain('rehup.degraded');
  });

  test('says that it failed where the application does not serve in its time', () => {
    const endpoint = { host: '127.0.0.1', port: 80, text: 'tcp://127.0.0.1:80' };
    const life = sidecar({ ready: { kind: 'tcp', endpoint } });
    begun(life, kept());
    expect(life.elapses('ready')).toEqual(expect.arrayContaining(['reload.failed', ...ALARM]));
    expect(reasons(life)).toEqual([expect.stringContaining('--ready did not succeed')]);
  });

  test('says that it failed where what is there does not pass the check', () => {
    const life = sidecar({ check: [['check']] });
    begun(life, kept());
    life.ran(1);
    expect(events(life)).toEqual(expect.arrayContaining(['start.degraded', 'reload.failed']));
    expect(events(life)).not.toContain('reload.applied');
  });

  test('gives the slot of the one before it back when it is verified, and keeps it where it failed', () => {
    const endpoint = { host: '127.0.0.1', port: 80, text: 'tcp://127.0.0.1:80' };
    const good = sidecar({ fleet: fleet(), ready: { kind: 'tcp', endpoint } });
    begun(good, kept());
    expect(good.ends({ kind: 'connected' })).toContain('job 2: steady-state');
    const bad = sidecar({ fleet: fleet(), ready: { kind: 'tcp', endpoint } });
    begun(bad, kept());
    expect(bad.elapses('ready').filter((word) => word.includes('steady-state'))).toEqual([]);
  });

  test('answers for it once: another end of this life is no end for a change', () => {
    const life = sidecar();
    begun(life, kept());
    const notes = life.performed.flatMap((effect) =>
      effect.type === 'keep' && effect.as === 'note' ? [effect] : [],
    );
    expect(notes).toMatchObject([{ kept: { paths: [], interval: MINUTE } }]);
    const third = sidecar();
    begun(third, notes[0]?.kept);
    expect(events(third)).not.toContain('reload.applied');
  });
});

describe('where the sidecar alone was started again', () => {
  test('it says so, and tries once more after --min-interval', () => {
    const life = sidecar();
    begun(life, kept(), 2_000, ['socket 80 7']);
    expect(reasons(life)).toEqual([expect.stringContaining('it alone was started again')]);
    expect(events(life)).toEqual(expect.arrayContaining(ALARM));
    expect(life.timers.get('retry')).toBe(MINUTE - 2_000);
    expect(life.elapses('retry')).toContain(ENDING);
    expect(keptLast(life)).toMatchObject({ alone: 1, paths: ['/v/k'] });
  });

  test('for the second time it says what is missing, and stays, whatever changes', () => {
    const life = sidecar();
    begun(life, kept({ alone: 1 }), 2_000, ['socket 80 7']);
    const [reason = ''] = reasons(life);
    for (const part of ['2 times', 'port 80', 'RestartAllContainers', 'values: [88]', '1.36'])
      expect(reason).toContain(part);
    expect(life.planned()).not.toContain('retry');
    life.changes('three');
    if (life.timers.has('min-interval')) life.elapses('min-interval');
    expect(reasons(life)).toHaveLength(2);
    expect(life.state.child.phase).toBe('running');
    expect(events(life)).not.toContain('sidecar.ending');
    expect(events(life)).not.toContain('rehup.internal_error');
  });

  test('a restart of all makes up for that', () => {
    const life = sidecar();
    begun(life, kept({ alone: 1 }), 2_000, ['socket 80 9']);
    expect(events(life)).toContain('reload.applied');
    expect(life.state.pod).toMatchObject({ futile: undefined, kept: { alone: 0 } });
  });
});

describe('--min-interval', () => {
  test('is a minute, and doubles up to fifteen while such ends follow each other within twice that', () => {
    const intervals: number[] = [];
    let known: Kept | undefined;
    for (let end = 0; end < 7; end++) {
      const life = sidecar();
      begun(life, known, 1_000);
      life.changes('two');
      if (known !== undefined) life.elapses('min-interval');
      known = keptLast(life);
      intervals.push(known.interval / MINUTE);
    }
    expect(intervals).toEqual([1, 2, 4, 8, 15, 15, 15]);
    const later = sidecar();
    begun(later, known, 31 * MINUTE);
    later.changes('two');
    expect(keptLast(later).interval).toBe(MINUTE);
  });

  test('that is given does not grow', () => {
    const life = sidecar({}, false);
    begun(life, kept({ interval: 0 }), 10);
    expect(life.changes('two')).toContain(ENDING);
    expect(keptLast(life).interval).toBe(0);
  });
});

describe('what others in the pod have', () => {
  const SOCKETS = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 00000000:2677 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
`;
  const stat = (pid: number, parent: number, started: number) =>
    `${pid} (app) S ${parent} 1 1 ${'0 '.repeat(15)}${started}`;
  const FILES: Readonly<Record<string, string>> = {
    '/proc/net/tcp': SOCKETS,
    '/proc/self/stat': stat(9, 0, 1),
    '/proc/1/stat': stat(1, 0, 2),
    '/proc/7/stat': stat(7, 0, 30),
    '/proc/8/stat': stat(8, 7, 40),
    '/proc/9/stat': stat(9, 0, 50),
  };
  const proc = {
    read: (path: string) => FILES[path],
    readAt: () => undefined,
    names: () => ['1', '7', '8', '9', 'self'],
  };

  test('are the sockets that they listen on, but for the own one, and the first processes of containers', () => {
    const own = { port: 0x2677, network: true };
    expect(othersInPod({ proc, self: 9 }, own)).toEqual(['process 7:30', 'socket 8080 4711']);
    expect(othersInPod({ proc, self: 1 }, own)).toEqual(['socket 8080 4711']);
  });

  test("on the machine's network are no sockets: they are everybody's", () => {
    expect(othersInPod({ proc, self: 1 }, { port: undefined, network: false })).toEqual([]);
  });
});
