import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  grouped,
  type Notification,
  parseHooks,
  payloadOf,
  whereOf,
} from '../../src/controller/core/telling/notification.ts';
import { createJournal } from '../../src/controller/host/telling/journal.ts';
import { createNotifier } from '../../src/controller/host/telling/notifier.ts';
import { PATIENCE } from '../support/patience.ts';

/** Who is told of roll-outs that failed, are halted or go on (specification 9, `--notify-file`). */

const FAILED: Notification = {
  ...{
    occasion: 'failed',
    kind: 'Deployment',
    namespace: 'shop',
    name: 'web',
    message: 'it <failed> & halts',
  },
};

describe('the file', () => {
  test('has a webhook in each line', () => {
    const file = '# ours\nhttps://a/b?key=1\n\n  http://c/d slack\n';
    expect(parseHooks(file)).toEqual([
      { url: 'https://a/b?key=1', shape: 'generic' },
      { url: 'http://c/d', shape: 'slack' },
    ]);
  });

  for (const line of [
    'hooks.example/secret',
    'https://a/secret teams',
    'https://a/secret slack now',
    'ftp://secret',
  ])
    test(`is refused by the number of its line, and not by what is in it: ${line}`, () => {
      expect(parseHooks(`https://a\n${line}`)).toBe('line 2 is neither URL nor URL slack');
    });

  test('is told by schemes and hosts alone', () => {
    const urls = ['https://u:secret@a:1/secret', 'http://b?secret', 'https://[::1]/secret#secret'];
    expect(urls.map((url) => whereOf({ url }))).toEqual(['https://a:1', 'http://b', 'https://[::1]']);
  });
});

describe('a message', () => {
  test('is JSON with all that an Event says', () => {
    expect(payloadOf('generic', [FAILED], 0)).toEqual({
      version: 1,
      event: 'rollout.failed',
      time: '1970-01-01T00:00:00.000Z',
      namespace: 'shop',
      count: 1,
      workloads: [{ kind: 'Deployment', name: 'web' }],
      message: 'it <failed> & halts',
    });
  });

  test('is a text for Slack, in which nothing is markup', () => {
    expect(payloadOf('slack', [FAILED], 0)).toEqual({
      text: 'rehup: roll-out failed in shop: Deployment web: it &lt;failed&gt; &amp; halts',
    });
  });

  test('is one for all workloads that are halted by the same', () => {
    const halted = Array.from({ length: 500 }, (_, index): Notification => {
      return { ...FAILED, occasion: 'halted', name: `web-${index}` };
    });
    const groups = grouped([...halted, FAILED]);
    // What failed is told before what it halts.
    expect(groups.map((group) => group.length)).toEqual([1, 500]);
    const payload = payloadOf('generic', groups[1] ?? [], 0);
    expect(payload).toMatchObject({ count: 500 });
    expect(JSON.stringify(payload).length).toBeLessThan(2000);
  });
});

describe('webhooks', () => {
  let server: Server;
  let folder: string;
  let url: string;
  const bodies: string[] = [];
  let status = 204;

  beforeEach(async () => {
    bodies.length = 0;
    status = 204;
    folder = mkdtempSync(join(tmpdir(), 'rehup-hooks-'));
    server = createServer((asked, answer) => {
      let body = '';
      asked.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      asked.on('end', () => {
        bodies.push(`${asked.method} ${asked.url} ${body}`);
        answer.writeHead(status).end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const workload = { kind: 'Deployment', namespace: 'shop', name: 'web', state: { phase: 'failed' } };
  const decision = { workload } as unknown as Parameters<ReturnType<typeof createJournal>['heard']>[0];

  test('are told, each in its shape, as the file is at that moment; nothing of their paths is logged', async () => {
    const file = join(folder, 'hooks');
    writeFileSync(file, `${url}/old-secret\n`);
    const lines: string[] = [];
    const notifier = createNotifier((...line) => void lines.push(JSON.stringify(line)), file);
    const { heard, told } = createJournal(notifier);
    heard(decision, { reason: 'Failed', message: 'bad' });
    heard(decision, { reason: 'Completed', message: 'well' });
    heard(decision, { reason: 'Started', message: 'again' });
    writeFileSync(file, `${url}/new-secret\n${url}/slack-secret slack\n`);
    await vi.waitFor(() => expect(notifier.webhooks()[0]?.sent).toBe(4), PATIENCE);
    expect(bodies.map((line) => line.split(' ')[1]).toSorted()).toEqual([
      ...['/new-secret', '/new-secret', '/slack-secret', '/slack-secret'],
    ]);
    expect(bodies.filter((line) => line.includes('rollout.failed'))).toHaveLength(1);
    expect(bodies.filter((line) => line.includes('rollout.resumed'))).toHaveLength(1);
    expect(told().map(({ reason }) => reason)).toEqual(['Started', 'Completed', 'Failed']);
    expect(JSON.stringify([lines, notifier.webhooks()])).not.toContain('secret');
  });

  test('that refuse are told again', async () => {
    const file = join(folder, 'hooks');
    writeFileSync(file, `${url}/secret\n`);
    status = 500;
    const notifier = createNotifier(() => {}, file);
    notifier.tell(FAILED);
    await vi.waitFor(() => expect(notifier.webhooks()[0]?.error).toBe('answered 500'), PATIENCE);
    status = 200;
    await vi.waitFor(() => expect(notifier.webhooks()[0]).toMatchObject({ sent: 1, error: null }), PATIENCE);
  });

  test('that can not be read end the controller at its start', () => {
    const file = join(folder, 'hooks');
    expect(() => createNotifier(() => {}, file)).toThrow(`--notify-file ${file}: can't be read (ENOENT)`);
    writeFileSync(file, 'secret\n');
    expect(() => createNotifier(() => {}, file)).toThrow(
      `--notify-file ${file}: line 1 is neither URL nor URL slack`,
    );
  });
});
