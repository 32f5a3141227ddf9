import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE, PYTHON } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { IN_TIME, REHUP_BIN, type Rehup, rehup } from '../support/rehup.ts';
import { stopped } from '../support/telling.ts';
import { announcer, refusing, VICTIMS_IN_C } from '../support/victims.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** `--ready notify` and `--ready notify-fd:N` (specification 5) on the built executable. */

const test = needing(PID_NAMESPACE, PYTHON, VICTIMS_IN_C);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);
const newVolume = () => writtenVolume(here('volume'), { key: '0' });

const BASE = ['--min-interval', '0', '--poll', '0', '--log-level', 'debug'];

/** rehup that sends HUP to a child that says things. */
function telling(child: readonly string[], options: readonly string[] = []): Rehup {
  const words = ['-w', here('volume'), '--on-change', 'HUP', '--ready', 'notify', '--verify', '100ms'];
  return rehup([...words, ...BASE, ...options, ...child]);
}

/** In which a child that is told says that it reloads, on a busy machine too: if it says nothing, that is the verdict. */
const HEARD = ['--verify', '2s'];

/**
 * What was told of reloads, of what the child said, and of alarms, in order. Whether a reload had to wait for the verdict on
 * the start depends on the machine.
 */
function story(run: Rehup): readonly string[] {
  return run
    .log()
    .map((line) => line.event)
    .filter((event) => /^(reload\.(?!held)|notify|start|rehup\.degraded)/.test(event));
}

const UP = "say('READY=1')";

describe('--ready notify', () => {
  test('a reload is applied exactly when the child says that it is over', async () => {
    const volume = newVolume();
    const reload = `say('RELOADING=1\\n' + stamp()); there('${here('go')}'); say('READY=1\\nSTATUS=two keys')`;
    const run = telling(announcer(UP, reload), HEARD);
    await run.said('up @rehup-');
    volume.write({ key: '1' });
    await run.logged('notify.reloading');
    // Long after the verify time it is still waited for.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(story(run)).toEqual(['notify.ready', 'reload.started', 'notify.reloading']);
    writeFileSync(here('go'), '');
    await run.logged('reload.applied');
    expect((await run.logged('notify.status'))['status']).toBe('two keys');
    expect(story(run).slice(3)).toEqual(['notify.status', 'notify.ready', 'reload.applied']);
    await stopped(run);
  });

  test('a child that says nothing of its reload has the verify time', async () => {
    const volume = newVolume();
    const run = telling(announcer(UP, "say('READY=1'); say('RELOADING=1\\nMONOTONIC_USEC=1')"));
    await run.said('up');
    volume.write({ key: '1' });
    await run.logged('reload.applied');
    await stopped(run);
  });

  test('a start that is not told within --ready-timeout is an alarm, and EXTEND_TIMEOUT_USEC moves that', async () => {
    newVolume();
    const silent = telling(announcer("say('STATUS=loading')"), ['--ready-timeout', '300ms']);
    await silent.said('up');
    const alarm = await silent.logged('start.unready');
    expect(alarm['reason']).toBe('--ready notify: no READY=1 came within 300 ms');
    await stopped(silent);
    const asking = `say('EXTEND_TIMEOUT_USEC=30000000'); there('${here('go')}'); ${UP}`;
    const extended = telling(announcer(asking), ['--ready-timeout', IN_TIME]);
    await extended.logged('child.started');
    await new Promise((resolve) => setTimeout(resolve, 8_500));
    writeFileSync(here('go'), '');
    await extended.logged('notify.ready');
    expect(story(extended)).toEqual(['notify.ready']);
    await stopped(extended);
  });

  test('a child that does not come back from its reload is rolled back where it is staged', async () => {
    const volume = newVolume();
    const reload = `say('RELOADING=1')
if open('${here('target/key')}').read() != 'bad': say('READY=1')`;
    const run = rehup([
      ...['--stage', `${here('volume')}=${here('target')}`, '--on-change', 'HUP', '--ready', 'notify'],
      ...['--ready-timeout', IN_TIME, ...HEARD, ...BASE, ...announcer(UP, reload)],
    ]);
    await run.said('up');
    volume.write({ key: 'bad' });
    const back = await run.logged('reload.rolled_back');
    expect(back['reason']).toBe('--ready notify: no READY=1 came within 8000 ms');
    expect(readFileSync(here('target/key'), 'utf8')).toBe('0');
    await stopped(run);
  });

  test('each start has an address of its own, and what rehup was given reaches nobody', async () => {
    const volume = newVolume();
    const run = rehup(
      [
        ...['-w', here('volume'), '--ready', 'notify', '--verify', '0', ...BASE],
        ...['--check', 'sh -c "env | grep -c ^NOTIFY_SOCKET"', ...announcer(UP)],
      ],
      { environment: { NOTIFY_SOCKET: '/run/outer' } },
    );
    // The check finds none, and so its grep fails: the start is refused.
    expect(await run.ended).toBe(125);
    const passing = rehup(
      [
        ...['-w', here('volume'), '--ready', 'notify', '--verify', '0', ...BASE],
        ...['--check', 'sh -c "! env | grep ^NOTIFY_SOCKET"', ...announcer(UP)],
      ],
      { environment: { NOTIFY_SOCKET: '/run/outer' } },
    );
    const first = await passing.said('up');
    await passing.logged('notify.ready');
    volume.write({ key: '1' });
    const second = await passing.said('up', 2);
    expect(first).toMatch(/^up @rehup-[0-9a-f]{16}$/);
    expect(second).toMatch(/^up @rehup-[0-9a-f]{16}$/);
    expect(second).not.toBe(first);
    await passing.logged('reload.applied');
    await stopped(passing);
  });

  test('that it is stopping is noted', async () => {
    newVolume();
    const leaving = `
def leave(*_):
    say('STOPPING=1'); barrier(); os._exit(0)
signal.signal(signal.SIGTERM, leave)
${UP}`;
    const run = telling(announcer(leaving));
    await run.said('up');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(story(run)).toEqual(['notify.ready', 'notify.stopping']);
  });

  test('without it the child has what rehup was given', async () => {
    const run = rehup(['sh', '-c', 'echo "$NOTIFY_SOCKET"'], {
      environment: { NOTIFY_SOCKET: '/run/outer' },
    });
    expect(await run.said('/run')).toBe('/run/outer');
    expect(await run.ended).toBe(0);
  });

  test('where no Unix socket can be made it is bad usage', async () => {
    const run = rehup(['--ready', 'notify', 'sh', '-c', 'echo started'], {
      prefix: [...(PID_NAMESPACE.prefix ?? []), ...refusing()],
    });
    expect(await run.ended).toBe(125);
    expect(run.output).toEqual([]);
    expect(run.errors().trim().split('\n').at(-1)).toBe(
      'rehup: --ready notify: no Unix datagram socket can be made here: EAFNOSUPPORT; allow it (seccomp), or use another --ready',
    );
  });
});

describe('--ready notify-fd', () => {
  for (const number of [3, 4, 9, 200]) {
    test(`a newline on descriptor ${number} is the verdict of a start, and no other descriptor is there`, async () => {
      const volume = newVolume();
      const start = `there('${here('go')}')
tell('has ' + ' '.join(n for n in sorted(os.listdir('/proc/self/fd'), key=int) if os.path.exists('/proc/self/fd/' + n)))
os.write(${number}, b'up'); os.write(${number}, b'\\n')
try:
    while True: os.write(${number}, b'more'); time.sleep(0.01)
except BrokenPipeError: tell('closed')`;
      const run = telling(announcer(start, "tell('told')"), ['--ready', `notify-fd:${number}`]);
      await run.logged('child.started');
      volume.write({ key: '1' });
      writeFileSync(here('go'), '');
      expect(await run.said('has')).toBe(`has 0 1 2 ${number}`);
      await run.said('closed');
      await run.logged('notify.ready');
      await run.said('told');
      await run.logged('reload.applied');
      await stopped(run);
    });
  }

  test('a start that writes no newline, or closes it, is an alarm', async () => {
    newVolume();
    const options = ['--ready', 'notify-fd:3', '--ready-timeout', '500ms'];
    const run = telling(announcer("os.write(3, b'nothing'); os.close(3)"), options);
    await run.said('up');
    const alarm = await run.logged('start.unready');
    expect(alarm['reason']).toBe('--ready notify-fd: no newline came within 500 ms');
    await stopped(run);
  });

  test('a descriptor above the limit on open files is a start that fails', () => {
    const words = ['-c', 'ulimit -n 256; exec "$@"', 'sh', REHUP_BIN, '--ready', 'notify-fd:300', 'true'];
    const { status, stderr } = spawnSync('sh', words, { encoding: 'utf8' });
    expect(status).toBe(125);
    expect(stderr).toContain("true can't be started: EBADF");
  });
});
