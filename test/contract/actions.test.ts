import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { childrenOf, type LogObject, PATIENCE, type Rehup, rehup, witness } from '../support/rehup.ts';
import { httpServer } from '../support/server.ts';
import { AT_ONCE, count, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 3 on the built executable: calls and commands that tell an application of its content. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

function newVolume(name = 'volume') {
  return writtenVolume(join(directory.path, name), { a: '0' });
}

/** A witness under rehup that is running already. */
async function started(options: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const run = rehup([...options, ...AT_ONCE, ...witness('/dev/null')], { environment: more });
  await run.said('start');
  await run.logged('child.started');
  return run;
}

/** What was told of reloads and alarms, in order. */
function outcomes(run: Rehup): readonly string[] {
  const told = [
    'reload.applied',
    'reload.failed',
    'watch.stale',
    'watch.fresh',
    'rehup.degraded',
    'rehup.recovered',
  ];
  return run
    .log()
    .map((line) => line.event)
    .filter((event) => told.includes(event));
}

const FAILED_THEN_WELL = [
  'reload.failed',
  'watch.stale',
  'rehup.degraded',
  'reload.applied',
  'watch.fresh',
  'rehup.recovered',
];

async function stopped(run: Rehup): Promise<void> {
  run.signal('SIGTERM');
  expect(await run.ended).toBe(0);
  expect(run.log().filter((line) => line.event === 'rehup.internal_error')).toEqual([]);
}

/** Why the nth reload failed. */
async function reason(run: Rehup, nth = 1): Promise<string> {
  return String((await run.logged('reload.failed', nth))['reason']);
}

describe('an HTTP call', () => {
  for (const host of ['127.0.0.1', 'localhost', '[::1]']) {
    test(`to ${host} is a POST without a body, and any 2xx counts`, async () => {
      const volume = newVolume();
      const server = await httpServer(200, host === '[::1]' ? '::1' : '127.0.0.1');
      const authority = `${host}:${server.port}`;
      const run = await started(['-w', volume.path, '--on-change', `http://${authority}/-/reload?now=1`]);
      for (const [index, status] of [200, 204, 299].entries()) {
        server.answer = status;
        volume.write({ a: `${index + 1}` });
        await run.logged('reload.applied', index + 1);
      }
      const [request = ''] = server.requests;
      const [head = '', body] = request.split('\r\n\r\n');
      const lines = head.split('\r\n');
      expect(lines[0]).toBe('POST /-/reload?now=1 HTTP/1.1');
      expect(lines).toContain(`Host: ${authority}`);
      expect(lines).toContain('Connection: close');
      expect(lines).toContain('Content-Length: 0');
      expect(body).toBe('');
      await stopped(run);
      expect(server.requests).toHaveLength(3);
      expect(outcomes(run)).toEqual(['reload.applied', 'reload.applied', 'reload.applied']);
    });
  }

  for (const status of [301, 404, 500]) {
    test(`that is answered ${status} fails, and the same content is not told again`, async () => {
      const volume = newVolume();
      const server = await httpServer(status);
      const run = await started([
        '-w',
        volume.path,
        '--on-change',
        `http://127.0.0.1:${server.port}/`,
        '--settle',
        '0',
      ]);
      volume.write({ a: '1' });
      expect(await reason(run)).toContain(`answered ${status}`);
      // Longer than the first back-off would be.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(server.requests).toHaveLength(1);
      server.answer = 200;
      volume.write({ a: '2' });
      await run.logged('rehup.recovered');
      await stopped(run);
      expect(server.requests).toHaveLength(2);
      expect(outcomes(run)).toEqual(FAILED_THEN_WELL);
    });
  }

  test('that is refused is tried again until it is answered', async () => {
    const volume = newVolume();
    const { port } = await unused();
    const run = await started(['-w', volume.path, '--on-change', `http://127.0.0.1:${port}/`]);
    volume.write({ a: '1' });
    expect(await reason(run)).toContain('ECONNREFUSED');
    // With back-off: the second try comes a second later at the earliest, the third two seconds after that.
    const second = await failedAt(run, 2);
    expect(second - (await failedAt(run, 1))).toBeGreaterThanOrEqual(1_000);
    const server = await httpServer(200, '127.0.0.1', port);
    await run.logged('rehup.recovered');
    expect(Number((await run.logged('reload.applied'))['time']) - second).toBeGreaterThanOrEqual(2_000);
    await stopped(run);
    expect(server.requests).toHaveLength(1);
    expect(outcomes(run)).toEqual([
      ...FAILED_THEN_WELL.slice(0, 3),
      'reload.failed',
      ...FAILED_THEN_WELL.slice(3),
    ]);
  });

  for (const [answer, why] of [
    ['hang', 'took longer than 300 ms'],
    ['close', ''],
  ] as const) {
    test(`without an answer (${answer}) is made again`, async () => {
      const volume = newVolume();
      const server = await httpServer(answer);
      const action = `http://127.0.0.1:${server.port}/`;
      const run = await started([
        '-w',
        volume.path,
        '--on-change',
        action,
        '--action-timeout',
        answer === 'hang' ? '300ms' : '60s',
      ]);
      volume.write({ a: '1' });
      expect(await reason(run)).toContain(why);
      server.answer = 200;
      await run.logged('rehup.recovered');
      await stopped(run);
      expect(server.requests).toHaveLength(2);
      expect(outcomes(run)).toEqual(FAILED_THEN_WELL);
    });
  }

  test('to a name that /etc/hosts does not hold is a failed try that says so', async () => {
    const volume = newVolume();
    const run = await started(['-w', volume.path, '--on-change', 'http://nobody.invalid:1/']);
    volume.write({ a: '1' });
    expect(await reason(run)).toMatch(/nobody\.invalid.*\/etc\/hosts/);
    expect(await reason(run, 2)).toContain('/etc/hosts');
    await stopped(run);
  });

  test('that nobody answers ends with newer content that is', async () => {
    const volume = newVolume();
    const server = await httpServer('close');
    const run = await started(['-w', volume.path, '--on-change', `http://127.0.0.1:${server.port}/`]);
    volume.write({ a: '1' });
    await run.logged('reload.failed');
    server.answer = 200;
    const before = Date.now();
    volume.write({ a: '2' });
    await run.logged('rehup.recovered');
    // The back-off of the old content does not hold up the new one.
    expect(Date.now() - before).toBeLessThan(1_000);
    await stopped(run);
  });

  test('under way is given up by a stop', async () => {
    const volume = newVolume();
    const server = await httpServer('hang');
    const run = await started(['-w', volume.path, '--on-change', `http://127.0.0.1:${server.port}/`]);
    volume.write({ a: '1' });
    await requested(server, 1);
    await stopped(run);
    await run.logged('reload.superseded');
  });

  test('by TLS is bad usage, and says what helps', async () => {
    for (const words of [
      ['--on-change', 'https://127.0.0.1/'],
      ['-w', `${directory.path}=https://127.0.0.1/`],
    ]) {
      const run = rehup(['-w', directory.path, ...words, 'true']);
      expect(await run.ended).toBe(125);
      expect(run.errors().trimEnd().split('\n')).toHaveLength(1);
      expect(run.errors()).toContain('http://');
    }
  });
});

describe('a command', () => {
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

  for (const [what, end, why] of [
    ['exits with 126', 'exit 126', '126'],
    ['exits with 127', 'exit 127', '127'],
    ['is killed', 'kill -9 $$', 'SIGKILL'],
    ['takes too long', 'sleep 1000', 'took longer'],
  ] as const) {
    test(`that ${what} says nothing of the content: it is run again`, async () => {
      const volume = newVolume();
      const script = `if [ -e ${log()} ]; then exit 0; fi; echo x > ${log()}; ${end}`;
      const options = ['--on-change', `exec:sh -c '${script}'`, '--action-timeout', '3s'];
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
    const options = ['--on-change', `exec:sh -c '${script}'`, '--action-timeout', '2s'];
    const run = await started(['-w', volume.path, ...options]);
    volume.write({ a: '1' });
    await run.logged('reload.failed');
    expect(wrote()).toEqual(['x']);
    await expect.poll(() => sleepers(run)).toBe(0);
    await stopped(run);
  });
});

describe('several actions in one reload', () => {
  test('are done in the order of the command line, each distinct one once', async () => {
    const [one, two, three, four] = ['one', 'two', 'three', 'four'].map(newVolume);
    if (one === undefined || two === undefined || three === undefined || four === undefined) return;
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
    const [one, two, three] = ['one', 'two', 'three'].map(newVolume);
    if (one === undefined || two === undefined || three === undefined) return;
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

/** When the nth reload failed, ms. */
async function failedAt(run: Rehup, nth: number): Promise<number> {
  const line: LogObject = await run.logged('reload.failed', nth);
  return Number(line['time']);
}

/** A port that nobody listens on. */
async function unused(): Promise<{ readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return { port: address !== null && typeof address === 'object' ? address.port : 0 };
}

async function requested(server: { readonly requests: readonly string[] }, nth: number): Promise<void> {
  await expect.poll(() => server.requests.length, { timeout: PATIENCE }).toBe(nth);
}

/** Processes called `sleep` among the descendants of rehup. */
function sleepers(run: Rehup): number {
  return descendantsOf(run.pid()).filter(
    (pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sleep',
  ).length;
}

function descendantsOf(pid: number): readonly number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}
