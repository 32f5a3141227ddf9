import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { IS_NODE, type Rehup, rehup, witness } from '../support/rehup.ts';
import { teller, VICTIMS_IN_C } from '../support/victims.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 2.2: every signal reaches whom it is meant for, in order, and none is lost. */

const test = needing(PID_NAMESPACE, VICTIMS_IN_C);
eachWithDirectory();

/** KILL and STOP can't be caught, CHLD is rehup's own, 32 and 33 are the C library's, TERM ends the teller. */
const NOT_TOLD = [9, 15, 17, 19, 32, 33];

/** What Node can't tell from its own: the table of docs/editions.md. */
const NOT_FORWARDED_BY_NODE = [4, 5, 6, 7, 8, 11, 13, 25, 31];

const told = (self: Rehup) => self.output.slice(2).map((line) => Number.parseInt(line, 10));

describe('a signal', () => {
  test('from 1 to 64 reaches a child that catches it, in the order in which they came', async () => {
    const self = rehup([...teller('/dev/null', 3)]);
    await self.said('start');
    await self.logged('child.started');
    const sent = Array.from({ length: 64 }, (_, index) => index + 1)
      .filter((signal) => !NOT_TOLD.includes(signal) && signal !== 18)
      .filter((signal) => !(IS_NODE && NOT_FORWARDED_BY_NODE.includes(signal)));
    for (const signal of sent) {
      self.signal(signal);
      // One at a time: of several that wait, the kernel hands out the lowest first.
      await self.said(`${signal} `);
    }
    self.signal('SIGTERM');
    expect(await self.ended).toBe(3);
    expect(told(self)).toEqual([...sent, 15]);
  });

  test('of which 1,000 come, a millisecond apart, is lost not once', async () => {
    const self = rehup(['--log-level', 'silent', ...teller('/dev/null')]);
    await self.said('start');
    const count = 1_000;
    for (let sent = 0; sent < count; sent++) {
      // Real-time signals are not merged by the kernel: signal(7).
      self.signal(40);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await self.said('40 ', count);
    self.signal('SIGTERM');
    await self.ended;
    expect(told(self)).toEqual([...Array.from({ length: count }, () => 40), 15]);
  });

  test('that waits with others is passed on in the order in which the kernel hands them out', async () => {
    const self = rehup(['--log-level', 'debug', ...teller('/dev/null')]);
    await self.said('start');
    await self.logged('child.started');
    self.signal('SIGSTOP');
    for (const signal of [50, 12, 36, 10, 36, 28, 34, 1]) self.signal(signal);
    self.signal('SIGCONT');
    await self.said('50 ');
    await self.logged('signal.forwarded', 9);
    const names = self
      .log()
      .filter((line) => line.event === 'signal.forwarded' && line['signal'] !== 'SIGCONT')
      .map((line) => line['signal']);
    const realTime = ['SIGRTMIN', 'SIGRTMIN+2', 'SIGRTMIN+2', 'SIGRTMIN+16'];
    const expected = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', ...realTime];
    // Node's threads take them side by side: the table of docs/editions.md.
    if (IS_NODE) expect(names.toSorted()).toEqual(expected.toSorted());
    else expect(names).toEqual(expected);
  });

  test('opens no debugger of Node in its first moments', async () => {
    for (let delay = 0; delay < 60; delay += 3) {
      const early = `if (fork == 0) { select(undef, undef, undef, ${delay / 1_000}); kill "USR1", 1; exit } exec @ARGV`;
      const self = rehup(['sh', '-c', 'echo ready; exec sleep 60'], {
        prefix: [...(PID_NAMESPACE.prefix ?? []), 'perl', '-e', early],
      });
      // Forwarded it ends the sleep, and dropped it does not.
      await self.logged('child.started');
      try {
        self.signal('SIGTERM');
      } catch {
        // It has ended with the sleep already, as its code must say.
      }
      expect([138, 143]).toContain(await self.ended);
      expect(self.errors()).not.toMatch(/debugger/i);
    }
  });
});

describe('--signal-to', () => {
  /** A shell that waits for an application and catches nothing. */
  const behindShell = (option: readonly string[] = []) =>
    rehup([...option, 'sh', '-c', '"$@" & wait; wait', 'sh', ...teller('/dev/null')]);

  test('auto: a shell in front of the application passes a signal on by the group', async () => {
    const self = behindShell();
    await self.said('start');
    await self.logged('child.started');
    self.signal('SIGTERM');
    await self.said('15 ');
    expect(await self.ended).toBe(143);
  });

  test('auto: who catches it has it alone, so that workers which do not survive', async () => {
    const master =
      'sleep 1000 & trap "echo HUP" HUP; trap "kill $!; exit 4" TERM; echo ready; while :; do wait; done';
    const self = rehup(['sh', '-c', `${master.replace('wait;', 'wait $!; kill -0 $! || echo dead;')}`]);
    await self.said('ready');
    await self.logged('child.started');
    for (let count = 1; count <= 3; count++) {
      self.signal('SIGHUP');
      await self.said('HUP', count);
    }
    self.signal('SIGTERM');
    expect(await self.ended).toBe(4);
    expect(self.output).not.toContain('dead');
  });

  test('auto: is decided anew for each signal', async () => {
    const script =
      'trap \'trap "echo caught" WINCH; echo armed\' USR1; "$@" & echo ready; while :; do wait $!; [ $? -gt 128 ] || exit; done';
    const self = rehup(['sh', '-c', script, 'sh', ...teller('/dev/null')]);
    await self.said('ready');
    await self.said('start');
    await self.logged('child.started');
    self.signal('SIGWINCH');
    await self.said('28 ');
    self.signal('SIGUSR1');
    await self.said('armed');
    self.signal('SIGWINCH');
    await self.said('caught');
    self.signal('SIGKILL');
    await self.ended.catch(() => {});
    expect(self.output.filter((line) => line.startsWith('28 '))).toHaveLength(1);
  });

  test('child: the group gets nothing', async () => {
    const self = behindShell(['--signal-to', 'child']);
    await self.said('start');
    await self.logged('child.started');
    self.signal('SIGWINCH');
    self.signal('SIGTERM');
    // The shell ends of the TERM; what is left of the group is asked to stop then.
    await self.said('15 ');
    expect(await self.ended).toBe(143);
    expect(self.output.filter((line) => line.startsWith('28 '))).toEqual([]);
  });

  test('group: all of it gets the signal, whoever catches it', async () => {
    const script =
      'trap "echo shell" HUP; "$@" & echo ready; while :; do wait $!; [ $? -gt 128 ] || exit; done';
    const self = rehup(['--signal-to', 'group', 'sh', '-c', script, 'sh', ...teller('/dev/null')]);
    await self.said('ready');
    await self.said('start');
    await self.logged('child.started');
    self.signal('SIGHUP');
    await self.said('shell');
    await self.said('1 ');
  });
});

describe('--rewrite-signal', () => {
  test('sends another one, or none', async () => {
    const rewrites = ['USR1:RTMIN+3', 'usr2:0'].flatMap((value) => ['--rewrite-signal', value]);
    const self = rehup([...rewrites, ...teller('/dev/null')]);
    await self.said('start');
    await self.logged('child.started');
    self.signal('SIGUSR2');
    await self.logged('signal.dropped');
    self.signal('SIGUSR1');
    await self.said('37 ');
    self.signal('SIGTERM');
    await self.ended;
    expect(told(self)).toEqual([37, 15]);
  });

  test('of a stop is a stop, sent as the other', async () => {
    const self = rehup(['--rewrite-signal', 'TERM:USR1', ...witness('/dev/null', 'exit=3')]);
    await self.said('start');
    self.signal('SIGTERM');
    await self.said('SIGUSR1');
    await self.logged('stop.requested');
    self.signal('SIGINT');
    await self.said('SIGINT');
  });
});
