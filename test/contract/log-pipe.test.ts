import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { onlyTheChild, runs } from '../support/processes.ts';
import { PATIENCE, rehup, witness } from '../support/rehup.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 2.8: whatever becomes of the log, or of the other descriptors, signals, reaping and a stop go on. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

const NAMESPACE = PID_NAMESPACE.prefix ?? [];

/** A command with its descriptors changed by a shell. */
const withDescriptors = (redirection: string) => [...NAMESPACE, 'sh', '-c', `exec "$@" ${redirection}`, 'sh'];

/** Reads all that is in a FIFO now. */
function drain(descriptor: number): string {
  const chunk = Buffer.alloc(65_536);
  let text = '';
  for (;;) {
    try {
      const length = readSync(descriptor, chunk);
      if (length === 0) return text;
      text += chunk.toString('utf8', 0, length);
    } catch {
      return text;
    }
  }
}

describe('rehup forwards, reaps and stops', () => {
  const cases: Readonly<Record<string, string>> = {
    'with stderr closed': '2>&-',
    'with stdin closed': '<&-',
    'with stdin and stderr closed': '<&- 2>&-',
    'with a stderr that nobody can read any more': '2>"$BROKEN"',
    'with a log on a disk that is full': '2>/dev/full',
  };
  for (const [name, redirection] of Object.entries(cases)) {
    test(name, async () => {
      const broken = join(directory.path, 'broken');
      spawnSync('mkfifo', [broken]);
      // Opened for both, so that the open for writing does not wait; closed once that has been done.
      const reader = openSync(broken, constants.O_RDWR | constants.O_NONBLOCK);
      const self = rehup(['--log-level', 'trace', ...witness('/dev/null', 'exit=3', 'orphans=20')], {
        prefix: withDescriptors(redirection),
        environment: { BROKEN: broken },
      });
      await self.said('start');
      closeSync(reader);
      for (let count = 1; count <= 5; count++) {
        self.signal('SIGUSR1');
        await self.said('SIGUSR1', count);
      }
      await onlyTheChild(self);
      self.signal('SIGTERM');
      expect(await self.ended).toBe(3);
    });
  }

  test('with a stdout that is full: it is the child’s alone', async () => {
    const full = join(directory.path, 'full');
    spawnSync('mkfifo', [full]);
    const held = openSync(full, constants.O_RDWR | constants.O_NONBLOCK);
    const self = rehup(['sh', '-c', 'trap "exit 6" TERM; yes & wait'], {
      prefix: withDescriptors('>"$FULL"'),
      environment: { FULL: full },
    });
    await self.logged('child.started');
    // A shell that is about to start it may lose the signal, which what is left of a group gets only once.
    await runs(self, 'yes');
    self.signal('SIGTERM');
    expect(await self.ended).toBe(6);
    closeSync(held);
  });
});

describe('a log pipe that is full', () => {
  test('has lines dropped, which are counted and told of when it drains again', async () => {
    const path = join(directory.path, 'unread');
    spawnSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    const self = rehup(['--log-level', 'debug', ...witness('/dev/null', 'exit=3')], { stderr: writer });
    closeSync(writer);
    await self.said('start');
    const linesThatFillIt = 1_500;
    for (let count = 1; count <= linesThatFillIt; count++) {
      self.signal('SIGUSR1');
      await self.said('SIGUSR1', count);
    }
    let text = drain(reader);
    const dropped = () =>
      text.split('\n').flatMap((line) => (line.includes('"log.dropped"') ? [JSON.parse(line)] : []));
    const until = Date.now() + PATIENCE;
    for (let count = linesThatFillIt + 1; dropped().length === 0 && Date.now() < until; count++) {
      self.signal('SIGUSR1');
      await self.said('SIGUSR1', count);
      text += drain(reader);
    }
    const counted = dropped().reduce((sum, line) => sum + Number(line.count), 0);
    expect(counted).toBeGreaterThan(100);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(3);
    text += drain(reader);
    closeSync(reader);
    // Each line is whole, and what was not dropped is there.
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string });
    const forwarded = lines.filter((line) => line.event === 'signal.forwarded').length;
    const sent = self.output.filter((line) => line.startsWith('SIGUSR1')).length;
    expect(forwarded + counted).toBeGreaterThanOrEqual(sent);
    expect(forwarded + counted).toBeLessThanOrEqual(sent + 5);
  });
});
