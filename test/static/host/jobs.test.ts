import { execFile } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { build, CACHE, ROOT } from '../../../scripts/build/product.ts';
import { staticExecutable } from '../../../scripts/build/static.ts';
import type { JobOutcome, Task } from '../../../src/core/state/job.ts';
import { STATIC_HOST } from '../../support/native.ts';
import { needing } from '../../support/needing.ts';

/** Jobs on the static host: real commands and real servers. */

const test = needing(STATIC_HOST);
const PROGRAM = join(CACHE, 'jobs');

type Report = {
  readonly before: number;
  readonly after: number;
  readonly outcomes: readonly (JobOutcome | 'cancelled')[];
};

beforeAll(async () => {
  if (STATIC_HOST.prefix === undefined) return;
  await build(staticExecutable({ entry: { file: join(ROOT, 'test/static/host/jobs.ts') }, output: PROGRAM }));
});

async function perform(...tasks: readonly (Task & { readonly cancel?: boolean })[]): Promise<Report> {
  const { stdout } = await promisify(execFile)(PROGRAM, [JSON.stringify(tasks)]);
  return JSON.parse(stdout) as Report;
}

function shell(script: string): Task {
  const environment = [`PATH=${process.env['PATH'] ?? ''}`];
  return { kind: 'command', words: ['sh', '-c', script], environment };
}

const code = (number: number) => ({ kind: 'code', code: number }) as const;

describe('commands', () => {
  test('end with their status and the end of what they wrote', async () => {
    const { outcomes } = await perform(
      shell('pwd; echo err >&2; echo dev > /dev/stderr; exit 3'),
      shell('kill -9 $$'),
      shell('exec >&- 2>&-; sleep 0.1; exit 4'),
      shell('head -c 100000000 /dev/zero; echo END'),
    );
    expect(outcomes.slice(0, 3)).toEqual([
      { kind: 'exited', status: code(3), output: '/tmp\nerr\ndev\n' },
      { kind: 'exited', status: { kind: 'signal', signal: 9 }, output: '' },
      { kind: 'exited', status: code(4), output: '' },
    ]);
    expect(outcomes[3]).toEqual({ kind: 'exited', status: code(0), output: `${'\0'.repeat(4092)}END\n` });
  });

  test('end with their own process, whoever holds the pipe', async () => {
    const { outcomes } = await perform(shell('sleep 100 & echo x'), shell('setsid sleep 2 & echo y'));
    expect(outcomes.map((outcome) => (outcome === 'cancelled' ? '' : outcome.kind))).toEqual([
      'exited',
      'exited',
    ]);
  });

  test('that can not be started say why', async () => {
    const environment = ['PATH=/usr/bin:/bin'];
    const { outcomes } = await perform(
      { kind: 'command', words: ['no-such-command'], environment },
      { kind: 'command', words: ['/etc/passwd'], environment },
    );
    expect(outcomes).toEqual([
      { kind: 'failed', reason: "can't be started: not found (or its interpreter is not) (ENOENT)" },
      { kind: 'failed', reason: "can't be started: not executable, or a directory (EACCES)" },
    ]);
  });

  test('leave no descriptors, nor do those that are cancelled', async () => {
    const tasks = Array.from({ length: 50 }, () => shell('exit 0'));
    const cancelled = tasks.map((task) => ({ ...task, cancel: true }));
    const { before, after, outcomes } = await perform(...tasks, ...cancelled, shell('ls /proc/self/fd'));
    expect(after).toBe(before);
    // Its own three and the directory that it lists.
    expect(outcomes.at(-1)).toEqual({ kind: 'exited', status: code(0), output: '0\n1\n2\n3\n' });
  });
});

describe('connections', () => {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      const garbage = String(bytes).startsWith('GET /garbage');
      if (String(bytes).startsWith('GET /close')) socket.end();
      else if (garbage) socket.end('SSH-2.0-x\r\n');
      else socket.end('HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n');
    });
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });
  afterAll(() => void server.close());

  const get = (resource: string, host = 'localhost'): Task => {
    const endpoint = { host, port, text: '', authority: `${host}:${port}`, resource };
    return { kind: 'http', method: 'GET', endpoint };
  };

  test('tell what answered, or why nothing did', async () => {
    const { before, after, outcomes } = await perform(
      get('/'),
      get('/garbage'),
      get('/close'),
      { kind: 'tcp', endpoint: { host: '127.0.0.1', port, text: '' } },
      { kind: 'tcp', endpoint: { host: '127.0.0.1', port: 1, text: '' } },
    );
    expect(outcomes).toEqual([
      { kind: 'answered', status: 204 },
      { kind: 'failed', reason: 'what answers speaks no HTTP/1' },
      { kind: 'failed', reason: 'closed without an answer' },
      { kind: 'connected' },
      { kind: 'failed', reason: 'refused (ECONNREFUSED)' },
    ]);
    expect(after).toBe(before);
  });
});
