import { readlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { commandsBelow, runs, script } from '../support/processes.ts';
import { PATIENCE, type Rehup, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, told, writtenVolume } from '../support/volume.ts';

/** Specification 2.5 in each state of a reload: a stop wins, at once, and leaves nothing behind. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

type Stop = {
  readonly signal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGUSR1';
  readonly options: readonly string[];
};

const STOPS: readonly Stop[] = [
  { signal: 'SIGTERM', options: [] },
  { signal: 'SIGINT', options: [] },
  { signal: 'SIGQUIT', options: [] },
  { signal: 'SIGUSR1', options: ['--stop-signal', 'USR1'] },
];

let server: Server | undefined;

afterEach(() => {
  server?.close();
  server = undefined;
});

/** The port of a server that takes connections and never says a word. */
function silentPort(): Promise<number> {
  return new Promise((resolve) => {
    server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1', () => {
      const address = server?.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

/** Passes what the volume held at the start, and does something else with what comes then. */
function checker(otherwise: string): readonly string[] {
  return ['--check', `${script(here('check'), `grep -q one "$1/key" && exit 0\n${otherwise}`)} {dir}`];
}

const HANG = 'exec sleep 4242';

const STATES: Readonly<Record<string, () => Promise<{ options: readonly string[]; event: string }>>> = {
  'a check that runs': async () => ({
    options: ['--on-change', 'HUP', '--log-level', 'debug', ...checker(HANG)],
    event: 'check.started',
  }),
  'content that could not be checked, and is tried again later': async () => ({
    options: ['--on-change', 'HUP', ...checker('exit 127')],
    event: 'rehup.degraded',
  }),
  'an HTTP call that hangs': async () => ({
    options: ['--on-change', `http://127.0.0.1:${await silentPort()}/`],
    event: 'config.changed',
  }),
  'a command that hangs': async () => ({
    options: ['--on-change', 'exec:sleep 4242'],
    event: 'config.changed',
  }),
  'a splay': async () => ({ options: ['--on-change', 'HUP', '--splay', '1h'], event: 'config.changed' }),
  'a --ready that hangs': async () => ({
    // It succeeds for the start, and hangs once new content was told.
    options: [
      '--on-change',
      'HUP',
      '--ready',
      `exec:sh -c 'test -e "$0" && exec sleep 4242; exec touch "$0"' ${here('ready')}`,
    ],
    event: 'reload.started',
  }),
};

/** The commands below rehup; none when it has ended, which a busy machine may see it do first. */
function stillBelow(run: Rehup): readonly string[] {
  try {
    return commandsBelow(run.pid());
  } catch {
    return [];
  }
}

async function settled(run: Rehup, hangs: boolean): Promise<void> {
  // What hangs has been started by then; it is looked for by its own words.
  if (hangs) await runs(run, 'sleep 4242');
}

describe.each(STOPS)('a stop by $signal with $options', ({ signal, options }) => {
  for (const [state, prepare] of Object.entries(STATES)) {
    test(`in ${state} is passed on once, and ends it with the code of the child`, async () => {
      const volume = writtenVolume(here('volume'), { key: 'one' });
      const { options: own, event } = await prepare();
      const child = witness(join(volume.path, 'key'), `on=${signal}`, 'exit=3', 'delay=200');
      const run = rehup(['-w', volume.path, ...AT_ONCE, ...own, ...options, ...child]);
      await run.said('start');
      await run.logged('child.started');
      volume.write({ key: 'two' });
      await run.logged(event);
      const hangs = own.some((word) => word.includes('sleep')) || state === 'a check that runs';
      await settled(run, hangs);
      run.signal(signal);
      await run.said(signal);
      // The child drains, and what was done beside it is gone already.
      if (hangs && signal !== 'SIGQUIT')
        await expect.poll(() => stillBelow(run), { timeout: PATIENCE }).not.toContain('sleep 4242');
      expect(await run.ended).toBe(3);
      expect(run.output.filter((line) => line.startsWith('start'))).toHaveLength(1);
      expect(told(run).filter((line) => line.startsWith(signal))).toHaveLength(1);
    });
  }
});

/** A restart asks the child to stop by the same signal, so only what means stop to it can be tried. */
describe.each(STOPS.filter(({ signal }) => signal === 'SIGTERM' || signal === 'SIGUSR1'))(
  'a stop by $signal with $options',
  ({ signal, options }) => {
    test('in a roll-back ends it with the code of the child that it started', async () => {
      const volume = writtenVolume(here('volume'), { key: 'one' });
      const stage = ['--stage', `${volume.path}=${here('target')}`];
      const text = `on=${signal}`;
      const picky = script(
        here('picky'),
        `grep -q bad '${here('target')}/key' && exit 7\nexec ${witness(
          `${here('target')}/key`,
          text,
          'exit=3',
        )
          .map((word) => `'${word}'`)
          .join(' ')}`,
      );
      const run = rehup([
        ...stage,
        ...AT_ONCE.slice(0, 2),
        '--poll',
        '0',
        '--verify',
        '3s',
        ...options,
        picky,
      ]);
      await run.said('start');
      await run.logged('child.started');
      // Good once its start is verified, which the mark in the target tells.
      await expect.poll(() => linkAt(here('target/..good')), { timeout: PATIENCE }).toBe('..rehup_1');
      volume.write({ key: 'bad' });
      await run.logged('reload.rolling_back');
      await run.said('start', 2);
      run.signal(signal);
      expect(await run.ended).toBe(3);
      expect(run.output.filter((line) => line.startsWith('start'))).toHaveLength(2);
    });
  },
);

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
