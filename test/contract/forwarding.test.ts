import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, rehup, witness } from '../support/rehup.ts';
import { told } from '../support/volume.ts';

/** Specification 2: what the child is given, whose signals it gets, who is reaped, how it all ends. */

const test = needing(PID_NAMESPACE);

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rehup-'));
});

afterAll(async () => {
  await disposeAll();
  rmSync(directory, { recursive: true });
});

const FORWARDED = ['SIGUSR1', 'SIGUSR2', 'SIGHUP', 'SIGWINCH', 'SIGALRM', 'SIGURG', 'SIGIO'] as const;

describe('signals', () => {
  test('are forwarded to a child that catches them, the real-time ones too', async () => {
    const self = rehup([...witness('/dev/null')]);
    await self.said('start');
    for (const name of FORWARDED) {
      self.signal(name);
      await self.said(name);
    }
    self.signal('SIGTERM');
    await self.ended;
    // Each came once, and perhaps the CONT that follows a stop.
    const names = told(self).map((line) => line.split(' ')[0]);
    expect(names).toEqual(['start', ...FORWARDED, 'SIGTERM']);
  });

  test('34 to 64 are the real-time ones', async () => {
    // A shell that knows numbers only: what it does not catch goes to the group and ends it with 128+n.
    for (const signal of [34, 35, 50, 64]) {
      const self = rehup(['sh', '-c', 'echo ready; exec sleep 60']);
      await self.said('ready');
      await self.logged('child.started');
      self.signal(signal);
      expect(await self.ended).toBe(128 + signal);
    }
  });

  test('TERM and INT are sent as --stop-signal where it is given', async () => {
    const self = rehup(['--stop-signal', 'USR2', ...witness('/dev/null')]);
    await self.said('start');
    self.signal('SIGTERM');
    await self.said('SIGUSR2', 1);
    self.signal('SIGINT');
    await self.said('SIGUSR2', 2);
    expect(self.output.some((line) => line.startsWith('SIGTERM') || line.startsWith('SIGINT'))).toBe(false);
  });

  test('QUIT that the child outlives is no stop', async () => {
    const self = rehup(['--stop-timeout', '100ms', ...witness('/dev/null', 'exit=2')]);
    await self.said('start');
    self.signal('SIGQUIT');
    await self.said('SIGQUIT');
    await self.logged('stop.outlived');
    self.signal('SIGTERM');
    expect(await self.ended).toBe(2);
  });

  test('reach a stopped child, which can then end', async () => {
    const self = rehup([
      'sh',
      '-c',
      'trap "exit 8" TERM; echo ready; kill -STOP $$; while :; do sleep 0.01; done',
    ]);
    await self.said('ready');
    self.signal('SIGTERM');
    expect(await self.ended).toBe(8);
  });

  test('TERM leaves nothing of the group, and no stop timeout is waited for', async () => {
    const self = rehup([...witness('/dev/null', 'leave=1')]);
    await self.said('start');
    self.signal('SIGTERM');
    expect(await self.ended).toBe(0);
    expect(self.output).toContain('left');
  });
});
