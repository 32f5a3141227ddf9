import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type LogObject, PATIENCE, type Rehup, rehup } from '../support/rehup.ts';
import { httpServer } from '../support/server.ts';
import { FAILED_THEN_WELL, outcomes, reason, started, stopped } from '../support/telling.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 3 on the built executable: HTTP calls that tell an application of its content. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

function newVolume() {
  return writtenVolume(join(directory.path, 'volume'), { a: '0' });
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
    const port = await freePort();
    const run = await started(['-w', volume.path, '--on-change', `http://127.0.0.1:${port}/`]);
    volume.write({ a: '1' });
    expect(await reason(run)).toContain('ECONNREFUSED');
    // With back-off: the second try comes a second later at the earliest, the third two seconds after that.
    const second = await failedAt(run, 2);
    expect(second - (await failedAt(run, 1))).toBeGreaterThanOrEqual(950);
    const server = await httpServer(200, '127.0.0.1', port);
    await run.logged('rehup.recovered');
    expect(Date.parse(String((await run.logged('reload.applied'))['time'])) - second).toBeGreaterThanOrEqual(
      1_950,
    );
    await stopped(run);
    expect(server.requests).toHaveLength(1);
    expect(outcomes(run)).toEqual([
      ...FAILED_THEN_WELL.slice(0, 3),
      'reload.failed',
      ...FAILED_THEN_WELL.slice(3),
    ]);
  });

  for (const [answer, why, timeout] of [
    ['hang', 'took longer than 1000 ms', '1s'],
    ['close', 'closed without an answer', '60s'],
  ] as const) {
    test(`without an answer (${answer}) is made again`, async () => {
      const volume = newVolume();
      const server = await httpServer(answer);
      const options = ['--on-change', `http://127.0.0.1:${server.port}/`, '--action-timeout', timeout];
      const run = await started(['-w', volume.path, ...options]);
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
    await run.logged('reload.failed', 4);
    server.answer = 200;
    volume.write({ a: '2' });
    await run.logged('rehup.recovered');
    // The back-off of the old content, by then 8 s, does not hold up the new one.
    const times = [await run.logged('config.changed', 2), await run.logged('reload.applied')];
    const [seen = 0, applied = 0] = times.map((line) => Date.parse(String(line['time'])));
    expect(applied - seen).toBeLessThan(7_000);
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

/** When the nth reload failed, ms. */
async function failedAt(run: Rehup, nth: number): Promise<number> {
  const line: LogObject = await run.logged('reload.failed', nth);
  return Date.parse(String(line['time']));
}

async function requested(server: { readonly requests: readonly string[] }, nth: number): Promise<void> {
  await expect.poll(() => server.requests.length, { timeout: PATIENCE }).toBe(nth);
}
