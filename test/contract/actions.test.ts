import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { commandsBelow } from '../support/processes.ts';
import { PATIENCE, rehup } from '../support/rehup.ts';
import { httpServer } from '../support/server.ts';
import { FAILED_THEN_WELL, outcomes, reason, started, stopped } from '../support/telling.ts';
import { count, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 3 on the built executable: commands that tell an application of its content, and several actions at once. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

function newVolume(name = 'volume') {
  return writtenVolume(join(directory.path, name), { a: '0' });
}

describe('a command', () => {
  const memory = eachWithDirectory('/dev/shm');
  const log = () => join(directory.path, 'log');
  const wrote = () => readFileSync(log(), 'utf8').trimEnd().split('\n');

  test('counts when it exits with 0, and has the environment of the child', async () => {
    const volume = newVolume();
    const script = `echo "$MARK $(cat ${volume.path}/a)" >> ${log()}`;
    const run = await started(['-w', volume.path, '--on-change', `exec:sh -c '${script}'`], { MARK: 'mine' });
    volume.write({ a: '1' });
    await run.logged('reload.applied');
    expect(wrote()).toEqual(['mine 1']);
    await stopped(run);
  });

  test('that exits with another code found the content bad: it is not run again', async () => {
    const volume = newVolume();
    const script = `echo x >> ${log()}; read line < ${volume.path}/a; test "$line" = good`;
    const run = await started(['-w', volume.path, '--on-change', `exec:sh -c '${script}'`]);
    volume.write({ a: 'bad\n' });
    expect(await reason(run)).toContain('exited with 1');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(wrote()).toHaveLength(1);
    volume.write({ a: 'good\n' });
    await run.logged('rehup.recovered');
    expect(outcomes(run)).toEqual(FAILED_THEN_WELL);
    await stopped(run);
  });

  test('that fails has its last lines logged, but not beside a Secret', async () => {
    const script = 'echo the line of the tool; exit 3';
    const options = ['--on-change', `exec:sh -c '${script}'`];
    const volume = newVolume();
    const run = await started(['-w', volume.path, ...options]);
    volume.write({ a: '1' });
    expect((await run.logged('reload.failed'))['output']).toEqual(['the line of the tool']);
    await stopped(run);
    const secret = writtenVolume(join(memory.path, 'secret'), { a: '0' });
    const silent = await started(['-w', secret.path, ...options]);
    secret.write({ a: '1' });
    expect(await silent.logged('reload.failed')).not.toHaveProperty('output');
    await stopped(silent);
  });

  test('that took the content and answered too late leaves unknown what the application runs on', async () => {
    const volume = newVolume();
    const used = join(directory.path, 'used');
    // The first time it takes the content and does not answer, the second time it does neither, the third time both.
    const script = `echo x >> ${log()}; n=$(wc -l < ${log()}); test $n = 2 || cp ${volume.path}/a ${used}; test $n -ge 3 || sleep 1000`;
    const options = ['--on-change', `exec:sh -c '${script}'`, '--action-timeout', '6s'];
    const run = await started(['-w', volume.path, ...options]);
    volume.write({ a: 'two' });
    await run.logged('reload.failed');
    volume.write({ a: '0' });
    await run.logged('rehup.recovered');
    expect(readFileSync(used, 'utf8')).toBe('0');
    expect(run.log().filter(({ event }) => event === 'reload.applied')).toHaveLength(1);
    await stopped(run);
  });

  test('that answers too late, and then says no, is not run a third time', async () => {
    const volume = newVolume();
    const script = `echo x >> ${log()}; test $(wc -l < ${log()}) = 2 && exit 1; sleep 1000`;
    const options = ['--on-change', `exec:sh -c '${script}'`, '--action-timeout', '6s'];
    const run = await started(['-w', volume.path, ...options]);
    volume.write({ a: 'two' });
    await run.logged('reload.failed', 2);
    run.signal('SIGUSR2');
    await run.said('SIGUSR2');
    expect(run.log().filter(({ event }) => event === 'reload.failed')).toHaveLength(2);
    expect(readFileSync(log(), 'utf8')).toBe('x\nx\n');
    await stopped(run);
  });

  for (const [what, end, why] of [
    ['exits with 126', 'exit 126', '126'],
    ['exits with 127', 'exit 127', '127'],
    ['is killed', 'kill -9 $$', 'SIGKILL'],
    ['takes too long', 'sleep 1000', 'took longer'],
  ] as const) {
    test(`that ${what} says nothing of the content: it is run again`, async () => {
      const volume = newVolume();
      const script = `if [ -e ${log()} ]; then exit 0; fi; echo x > ${log()}; ${end}`;
      const options = ['--on-change', `exec:sh -c '${script}'`, '--action-timeout', '6s'];
      const run = await started(['-w', volume.path, ...options]);
      volume.write({ a: '1' });
      expect(await reason(run)).toContain(why);
      await run.logged('rehup.recovered');
      expect(outcomes(run)).toEqual(FAILED_THEN_WELL);
      await stopped(run);
    });
  }

  test('that is not there is tried again', async () => {
    const volume = newVolume();
    const command = join(directory.path, 'later');
    const run = await started(['-w', volume.path, '--on-change', `exec:${command}`]);
    volume.write({ a: '1' });
    await run.logged('reload.failed');
    writeFileSync(command, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    await run.logged('rehup.recovered');
    await stopped(run);
  });

  test('that takes too long is ended with all of its group', async () => {
    const volume = newVolume();
    const script = `sleep 1000 & echo x > ${log()}; wait`;
    const options = ['--on-change', `exec:sh -c '${script}'`, '--action-timeout', '6s'];
    const run = await started(['-w', volume.path, ...options]);
    volume.write({ a: '1' });
    await run.logged('reload.failed');
    expect(wrote()).toEqual(['x']);
    await expect.poll(() => commandsBelow(run.pid()), { timeout: PATIENCE }).not.toContain('sleep 1000');
    await stopped(run);
  });
});

describe('several actions in one reload', () => {
  test('are done in the order of the command line, each distinct one once', async () => {
    const [one, two, three, four] = [
      newVolume('one'),
      newVolume('two'),
      newVolume('three'),
      newVolume('four'),
    ];
    const server = await httpServer(200);
    const order = join(directory.path, 'order');
    const command = (word: string) => `exec:sh -c 'echo ${word} >> ${order}'`;
    const run = await started([
      ...['-w', `${one.path}=${command('first')}`],
      ...['-w', `${two.path}=http://127.0.0.1:${server.port}/`],
      ...['-w', `${three.path}=${command('first')}`],
      ...['-w', `${four.path}=HUP`],
      ...['--settle', '500ms'],
    ]);
    for (const volume of [four, three, two, one]) volume.write({ a: '1' });
    const applied = await run.logged('reload.applied');
    expect(applied['action']).toBe(`${command('first')} http://127.0.0.1:${server.port}/ SIGHUP`);
    await run.said('SIGHUP');
    await stopped(run);
    expect(readFileSync(order, 'utf8')).toBe('first\n');
    expect(server.requests).toHaveLength(1);
    expect(count(run, 'SIGHUP')).toBe(1);
    expect(outcomes(run)).toEqual(['reload.applied']);
  });

  test('end with the first that fails', async () => {
    const one = newVolume('one');
    const two = newVolume('two');
    const server = await httpServer(500);
    const watches = ['-w', `${one.path}=http://127.0.0.1:${server.port}/`, '-w', `${two.path}=HUP`];
    const run = await started([...watches, '--settle', '500ms']);
    one.write({ a: '1' });
    two.write({ a: '1' });
    await run.logged('reload.failed');
    await stopped(run);
    expect(count(run, 'SIGHUP')).toBe(0);
  });

  test('are one restart if any says so', async () => {
    const one = newVolume('one');
    const two = newVolume('two');
    const watches = ['-w', `${one.path}=HUP`, '-w', `${two.path}=restart`];
    const run = await started([...watches, '--settle', '500ms']);
    one.write({ a: '1' });
    two.write({ a: '1' });
    await run.said('start', 2);
    expect((await run.logged('reload.applied'))['action']).toBe('restart');
    await stopped(run);
    expect(count(run, 'SIGHUP')).toBe(0);
  });

  test('are the exit if any says so', async () => {
    const [one, two, three] = [newVolume('one'), newVolume('two'), newVolume('three')];
    const watches = ['-w', `${one.path}=HUP`, '-w', `${two.path}=restart`, '-w', `${three.path}=exit`];
    const run = await started([...watches, '--settle', '500ms']);
    for (const volume of [one, two, three]) volume.write({ a: '1' });
    expect(await run.ended).toBe(0);
    expect(count(run, 'start')).toBe(1);
    expect(count(run, 'SIGHUP')).toBe(0);
  });
});

describe('the signal of --on-change from outside', () => {
  test('passes through the check', async () => {
    const volume = newVolume();
    const gate = join(directory.path, 'gate');
    writeFileSync(gate, '');
    const options = ['--on-change', 'HUP', '--check', `test -e ${gate}`];
    const run = await started(['-w', volume.path, ...options]);
    rmSync(gate);
    run.signal('SIGHUP');
    await run.logged('reload.rejected');
    writeFileSync(gate, '');
    run.signal('SIGHUP');
    await run.said('SIGHUP');
    await run.logged('rehup.recovered');
    await stopped(run);
    expect(count(run, 'SIGHUP')).toBe(1);
  });
});

test('a child that ends of its reload: the last line says so, and that rehup ends with it', async () => {
  const volume = newVolume();
  const child = ['sh', '-c', 'trap "exit 3" HUP; echo up; while :; do sleep 0.05; done'];
  const run = rehup(['-w', volume.path, '--on-change', 'HUP', '--min-interval', '0', ...child]);
  await run.said('up');
  await run.logged('child.started');
  volume.write({ a: '1' });
  expect(await run.ended).toBe(3);
  expect(await reason(run)).toBe('the child exited with 3, and rehup ends with it');
  expect(run.log().at(-1)?.event).toBe('reload.failed');
});
