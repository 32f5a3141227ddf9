import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, followed, told, writtenVolume } from '../support/volume.ts';

/** The main job, from outside: the built executable as PID 1, a volume that the kubelet double writes, a real child. */

const test = needing(PID_NAMESPACE);

const directory = eachWithDirectory();

function newVolume(payload: Record<string, string>) {
  return writtenVolume(join(directory.path, 'volume'), payload);
}

describe('a signal', () => {
  test('is sent once a change, and the child sees the new content when it comes', async () => {
    const volume = newVolume({ 'app.conf': 'content 0' });
    const file = join(volume.path, 'app.conf');
    const run = await followed(volume.path, file);
    await run.logged('child.started');
    for (let change = 1; change <= 20; change++) {
      volume.write({ 'app.conf': `content ${change}` });
      expect(await run.said('SIGHUP', change)).toBe(`SIGHUP content ${change}`);
    }
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(run.output.filter((line) => line.startsWith('SIGHUP'))).toHaveLength(20);
    expect(run.output.filter((line) => line.startsWith('start'))).toHaveLength(1);
    expect(run.log().filter((line) => line.event === 'reload.applied')).toHaveLength(20);
  });

  test('tells of added and removed keys, and the log names them', async () => {
    const volume = newVolume({ a: '1' });
    const run = rehup([
      '-w',
      volume.path,
      '--on-change',
      'hup',
      ...AT_ONCE,
      ...witness(join(volume.path, 'b')),
    ]);
    expect(await run.said('start')).toMatch(/ ENOENT$/);
    volume.write({ a: '1', b: '2' });
    expect(await run.said('SIGHUP', 1)).toBe('SIGHUP 2');
    volume.write({ a: '1' });
    expect(await run.said('SIGHUP', 2)).toBe('SIGHUP ENOENT');
    await run.logged('config.changed', 2);
    const changes = run.log().filter((line) => line.event === 'config.changed');
    expect(changes.map((line) => line['paths'])).toEqual([
      [join(volume.path, 'b')],
      [join(volume.path, 'b')],
    ]);
  });

  test('is sent for a token that is projected by itself each time it rotates, unless it is ignored', async () => {
    const volume = newVolume({ token: 'one', 'app.conf': '1' });
    const file = join(volume.path, 'app.conf');
    const [told, spared] = await Promise.all(
      [[], ['--ignore', 'token']].map((options) =>
        followed(volume.path, file, { options: [...AT_ONCE, ...options] }),
      ),
    );
    volume.write({ token: 'two', 'app.conf': '1' });
    await told?.said('SIGHUP 1');
    volume.write({ token: 'two', 'app.conf': '2' });
    // The first one that it is told is of the key.
    expect(await spared?.said('SIGHUP')).toBe('SIGHUP 2');
    await spared?.logged('config.changed');
    expect(spared?.log().filter(({ event }) => event === 'config.changed')).toHaveLength(1);
  });

  test('is not sent for the same content written anew', async () => {
    const volume = newVolume({ a: '1' });
    const run = await followed(volume.path, join(volume.path, 'a'));
    for (let round = 0; round < 5; round++) {
      // The kubelet itself writes nothing then; other writers do.
      volume.write({ a: '2' });
      await run.said('SIGHUP', 2 * round + 1);
      volume.rewrite({ a: '2' });
      volume.write({ a: '1' });
      await run.said('SIGHUP', 2 * round + 2);
    }
    run.signal('SIGTERM');
    await run.ended;
    expect(run.output.filter((line) => line.startsWith('SIGHUP'))).toHaveLength(10);
  });

  test('that the child does not catch is not sent: the child is restarted, and lives', async () => {
    const volume = newVolume({ a: '1' });
    const words = witness(join(volume.path, 'a'), 'uncaught=SIGHUP');
    const run = rehup(['-w', volume.path, '--on-change', 'HUP', ...AT_ONCE, ...words]);
    await run.said('start');
    volume.write({ a: '2' });
    expect(await run.said('start', 2)).toMatch(/ 2$/);
    expect((await run.logged('reload.restart_instead'))['signal']).toBe('SIGHUP');
    await run.logged('reload.applied');
    expect(told(run).filter((line) => line.startsWith('SIG'))).toEqual(['SIGTERM 2']);
  });

  test('from outside that is the action is a reload of unchanged content, and is not forwarded besides', async () => {
    const volume = newVolume({ a: '1' });
    const run = rehup([
      '-w',
      volume.path,
      '--on-change',
      'HUP',
      '--verify',
      '0',
      ...witness(join(volume.path, 'a')),
    ]);
    await run.said('start');
    run.signal('SIGHUP');
    await run.said('SIGHUP', 1);
    run.signal('SIGHUP');
    await run.said('SIGHUP', 2);
    await run.logged('reload.applied', 2);
    run.signal('SIGTERM');
    await run.ended;
    expect(run.output.filter((line) => line.startsWith('SIGHUP'))).toHaveLength(2);
  });
});

describe('a restart', () => {
  test('gives a new process and the new content', async () => {
    const volume = newVolume({ a: 'old' });
    const run = rehup(['-w', volume.path, ...AT_ONCE, ...witness(join(volume.path, 'a'))]);
    const first = await run.said('start', 1);
    volume.write({ a: 'new' });
    const second = await run.said('start', 2);
    expect(first).toMatch(/^start \d+ old$/);
    expect(second).toMatch(/^start \d+ new$/);
    expect(second.split(' ')[1]).not.toBe(first.split(' ')[1]);
    await run.logged('reload.applied');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(run.output.filter((line) => line.startsWith('start'))).toHaveLength(2);
  });

  test('kills a child that ignores the stop signal after the stop timeout', async () => {
    const volume = newVolume({ a: 'old' });
    const words = witness(join(volume.path, 'a'), 'ignore=SIGTERM');
    const run = rehup(['-w', volume.path, '--stop-timeout', '200ms', ...AT_ONCE, ...words]);
    await run.said('start');
    volume.write({ a: 'new' });
    expect(await run.said('start', 2)).toMatch(/ new$/);
    expect((await run.logged('child.exited'))['signal']).toBe('SIGKILL');
  });

  test('waits for the whole old group before the new child', async () => {
    const volume = newVolume({ a: 'old' });
    const run = rehup(['-w', volume.path, ...AT_ONCE, ...witness(join(volume.path, 'a'), 'leave=1')]);
    await run.said('start');
    volume.write({ a: 'new' });
    await run.said('start', 2);
    expect(told(run).slice(1)).toEqual(['SIGTERM new', 'left', expect.stringMatching(/^start/)]);
  });

  test('is not begun while a start is unverified', async () => {
    const volume = newVolume({ a: 'old' });
    const run = rehup(['-w', volume.path, '--verify', '1s', ...witness(join(volume.path, 'a'))]);
    await run.said('start');
    volume.write({ a: 'new' });
    await run.said('start', 2);
    const exited = await run.logged('child.exited');
    expect(exited['ms']).toBeGreaterThanOrEqual(1_000);
  });
});

describe('a stop', () => {
  test('in the middle of a restart starts nothing and ends with the code of the child', async () => {
    const volume = newVolume({ a: 'old' });
    const words = witness(join(volume.path, 'a'), 'delay=300', 'exit=9');
    const run = rehup(['-w', volume.path, ...AT_ONCE, ...words]);
    await run.said('start');
    volume.write({ a: 'new' });
    await run.said('SIGTERM');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(9);
    expect(told(run).map((line) => line.split(' ')[0])).toEqual(['start', 'SIGTERM']);
    expect((await run.logged('reload.superseded'))['reason']).toBe('rehup was asked to stop');
  });

  test('reaches an application behind a shell that does not pass it on', async () => {
    const run = rehup(['sh', '-c', `${witness('/dev/null', 'exit=4').map(quoted).join(' ')}; exit $?`]);
    await run.said('start');
    run.signal('SIGTERM');
    await run.said('SIGTERM');
    // The shell, which does not catch TERM, was ended by it.
    expect(await run.ended).toBe(143);
  });
});

function quoted(word: string): string {
  return `'${word}'`;
}

describe('other actions', () => {
  test('exit ends the child and rehup with its code', async () => {
    const volume = newVolume({ a: 'old' });
    const words = witness(join(volume.path, 'a'), 'exit=6');
    const run = rehup(['-w', `${volume.path}=exit`, ...AT_ONCE, ...words]);
    await run.said('start');
    volume.write({ a: 'new' });
    expect(await run.ended).toBe(6);
  });

  test('none records the change and touches nothing', async () => {
    const volume = newVolume({ a: 'old' });
    const run = rehup([
      '-w',
      volume.path,
      '--on-change',
      'none',
      ...AT_ONCE,
      ...witness(join(volume.path, 'a')),
    ]);
    await run.said('start');
    volume.write({ a: 'new' });
    await run.logged('reload.applied');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(told(run)).toEqual([expect.stringMatching(/^start/), 'SIGTERM new']);
  });

  test('where watches overlap the most specific one speaks', async () => {
    const volume = newVolume({ a: '1', b: '1' });
    const file = join(volume.path, 'a');
    const run = rehup(['-w', `${volume.path}=restart`, '-w', `${file}=HUP`, ...AT_ONCE, ...witness(file)]);
    await run.said('start');
    volume.write({ a: '2', b: '1' });
    expect(await run.said('SIGHUP')).toBe('SIGHUP 2');
    volume.write({ a: '2', b: '2' });
    await run.said('start', 2);
    expect(told(run).map((line) => line.split(' ')[0])).toEqual(['start', 'SIGHUP', 'SIGTERM', 'start']);
  });
});
