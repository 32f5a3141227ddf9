import { symlinkSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { createVolume } from '../support/kubelet.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { childrenOf, type Rehup, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, told } from '../support/volume.ts';

/** Specification 2.5: a stop wins over whatever is under way. Each state by each signal that means stop. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

type Stop = {
  readonly signal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGUSR1';
  readonly options: readonly string[];
  /** What a restart sends. */
  readonly restart: string;
};

const STOPS: readonly Stop[] = [
  { signal: 'SIGTERM', options: [], restart: 'SIGTERM' },
  { signal: 'SIGINT', options: [], restart: 'SIGTERM' },
  { signal: 'SIGQUIT', options: [], restart: 'SIGTERM' },
  { signal: 'SIGUSR1', options: ['--stop-signal', 'USR1'], restart: 'SIGUSR1' },
  { signal: 'SIGQUIT', options: ['--stop-signal', 'QUIT'], restart: 'SIGQUIT' },
];

const NUMBERS = { SIGTERM: 15, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10 };

/** The names of the signals that the child told of, but the CONT that follows each stop. */
function signalsOf(self: Rehup): readonly (string | undefined)[] {
  return told(self)
    .map((line) => line.split(' ')[0])
    .filter((name) => name !== 'start' && name !== 'SIGCONT');
}

const startsOf = (self: Rehup) => self.output.filter((line) => line.startsWith('start')).length;

/** Starts rehup with a witness, and waits until both are there. */
async function started(options: readonly string[], child: readonly string[]): Promise<Rehup> {
  const self = rehup([...options, ...child]);
  await self.said('start');
  await self.logged('child.started');
  return self;
}

function volumeHere() {
  const volume = createVolume(`${directory.path}/volume`);
  volume.write({ key: 'one' });
  return volume;
}

describe.each(STOPS)('a stop by $signal with $options', ({ signal, options, restart }) => {
  const ending = (...words: readonly string[]) => witness('/dev/null', `on=${signal}`, 'exit=3', ...words);

  test('of a running child', async () => {
    const self = await started(options, ending());
    self.signal(signal);
    expect(await self.ended).toBe(3);
    expect([startsOf(self), signalsOf(self)]).toEqual([1, [signal]]);
  });

  test('before the first start: the code tells of the signal, and nothing is started', async () => {
    // What can't be read at the start is tried again for 5 s: proc_pid_mem(5), whose first page is nobody's.
    symlinkSync('/proc/self/mem', `${directory.path}/unreadable`);
    const self = rehup([...options, '--log-level', 'debug', '-w', directory.path, ...ending()]);
    await self.logged('watch.failed');
    self.signal(signal);
    expect(await self.ended).toBe(128 + NUMBERS[signal]);
    expect(self.output).toEqual([]);
  });

  test('of a child that drains for a while, which a second stop reaches as well', async () => {
    const self = await started(options, ending('delay=300'));
    self.signal(signal);
    await self.said(signal);
    self.signal(signal);
    expect(await self.ended).toBe(3);
    expect([startsOf(self), signalsOf(self)]).toEqual([1, [signal, signal]]);
  });

  test('while a change settles: nothing is told any more', async () => {
    const volume = volumeHere();
    const watching = ['-w', volume.path, '--settle', '10s', '--verify', '0'];
    const self = await started([...options, ...watching], ending('delay=200'));
    volume.write({ key: 'two' });
    await self.logged('config.changed');
    self.signal(signal);
    expect(await self.ended).toBe(3);
    expect([startsOf(self), signalsOf(self)]).toEqual([1, [signal]]);
  });

  test('while the child is being stopped for a restart: it is not sent the same signal again, and nothing is started', async () => {
    const volume = volumeHere();
    const child = witness('/dev/null', `on=${restart}`, 'exit=3', 'delay=400');
    const self = await started([...options, '-w', volume.path, ...AT_ONCE], child);
    volume.write({ key: 'two' });
    await self.said(restart);
    self.signal(signal);
    expect(await self.ended).toBe(3);
    expect([startsOf(self), signalsOf(self)]).toEqual([1, signal === restart ? [signal] : [restart, signal]]);
  });

  test('of a child that takes no notice: there is no limit, and no SIGKILL', async () => {
    const self = await started([...options, '--stop-timeout', '100ms'], witness('/dev/null', 'on=none'));
    self.signal(signal);
    await self.said(signal);
    // A JVM prints its threads at a QUIT and goes on; for nginx it is the stop.
    const outlived = signal === 'SIGQUIT' && options.length === 0;
    if (outlived) await self.logged('stop.outlived');
    else await new Promise((resolve) => setTimeout(resolve, 500));
    const [child = 0] = childrenOf(self.pid());
    process.kill(child, 'SIGKILL');
    expect(await self.ended).toBe(137);
    expect([startsOf(self), signalsOf(self)]).toEqual([1, [signal]]);
    const events = self.log().map((line) => line.event);
    expect(events).not.toContain('child.killed');
    expect(events.includes('stop.outlived')).toBe(outlived);
  });

  test('while a restart kills what takes no notice: the SIGKILL that was planned is not sent', async () => {
    const volume = volumeHere();
    const watching = ['-w', volume.path, ...AT_ONCE, '--stop-timeout', '6s'];
    const self = await started([...options, ...watching], witness('/dev/null', 'on=none'));
    volume.write({ key: 'two' });
    await self.said(restart);
    self.signal(signal);
    await self.logged('stop.requested');
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    // A QUIT that the child outlived was no stop: then the restart goes on, and kills.
    if (signal === 'SIGQUIT' && options.length === 0) {
      await self.logged('child.killed');
      await self.said('start', 2);
      return;
    }
    expect(self.log().map((line) => line.event)).not.toContain('child.killed');
    const [child = 0] = childrenOf(self.pid());
    process.kill(child, 'SIGKILL');
    expect(await self.ended).toBe(137);
    expect(startsOf(self)).toBe(1);
  });

  test('of a child that is stopped by SIGSTOP, which is woken', async () => {
    const self = await started(options, ending());
    const [child = 0] = childrenOf(self.pid());
    process.kill(child, 'SIGSTOP');
    self.signal(signal);
    expect(await self.ended).toBe(3);
    expect([startsOf(self), signalsOf(self)]).toEqual([1, [signal]]);
  });

  test('while a restart by --on-exit is waited for', async () => {
    const self = rehup([...options, '--on-exit', 'restart', 'sh', '-c', 'echo start; exit 9']);
    await self.logged('child.back_off');
    self.signal(signal);
    expect(await self.ended).toBe(9);
    expect(startsOf(self)).toBe(1);
  });

  test('of a shell whose application drains longer than the shell lives', async () => {
    const script = '"$@" & wait';
    const self = await started(options, ['sh', '-c', script, 'sh', ...ending('delay=400')]);
    self.signal(signal);
    // The shell catches nothing, so the group is told, the shell ends of it, and the application is waited for.
    expect(await self.ended).toBe(128 + NUMBERS[signal]);
    expect([startsOf(self), signalsOf(self)]).toEqual([1, [signal]]);
  });
});

describe('a stop while rehup itself begins', () => {
  test.each(['TERM', 'INT'])(
    'by %s is honoured from when rehup, or Node before it, can notice one',
    async (name) => {
      // One that is lost leaves the code of the sleep. perl(1) itself blocks all signals while it forks.
      // Blocked by the static executable in its first instruction, caught by Node well before the first statement of ours.
      const bit = { TERM: 14, INT: 1 }[name];
      const noticed = `$bits = 0; $bits |= hex $1 while /^Sig(?:Blk|Cgt):\\s*(\\S+)/mg; last if $bits >> ${bit} & 1`;
      const early = `if (fork == 0) { undef $/; for (;;) { open F, "/proc/1/status"; $_ = <F>; next if /^Name:\\s*perl/; ${noticed} } kill "${name}", 1; exit } exec @ARGV`;
      for (let round = 0; round < 5; round++) {
        const prefix = [...(PID_NAMESPACE.prefix ?? []), 'perl', '-e', early];
        const self = rehup(['sleep', '2'], { prefix });
        expect(await self.ended).toBe(name === 'TERM' ? 143 : 130);
      }
    },
  );

  /** After this a stop is never lost, ms after the program is there: far above what it takes, for slow machines. */
  const KEPT_FROM = 2_000;
  const DELAYS = [0, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100, KEPT_FROM];

  test('is lost in the first moments only, and what is not lost is honoured before anything is started', async () => {
    for (const delay of DELAYS) {
      // perl(1) may be kept from becoming the program for a while.
      const early = `if (fork == 0) { undef $/; do { open F, "/proc/1/comm"; $_ = <F> } while /^perl/; select(undef, undef, undef, ${delay / 1_000}); kill "TERM", 1; exit } exec @ARGV`;
      const prefix = [...(PID_NAMESPACE.prefix ?? []), 'perl', '-e', early];
      const self = rehup(['sleep', delay < KEPT_FROM ? '1.5' : '60'], { prefix });
      const code = await self.ended;
      const events = self.log().map((line) => line.event);
      const stopped = events.indexOf('stop.requested');
      if (stopped >= 0) {
        expect(code).toBe(143);
        expect(events.slice(stopped)).not.toContain('child.started');
      } else {
        expect(delay).toBeLessThan(KEPT_FROM);
        expect([0, 143]).toContain(code);
      }
    }
  });
});
