import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { HAPROXY, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, rehup } from '../support/rehup.ts';
import { stopped } from '../support/telling.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/**
 * Specification 6, *Drain*: behind a real load balancer that asks `/readyz`, no request is lost while two servers are restarted in
 * turn. In the soak the load balancer tries nothing twice, and 20,000 requests see 20 restarts.
 */

const directory = eachWithDirectory();
const soak = process.env['REHUP_SOAK'] === '1';
const { restarts, requests, drain, retries } = soak
  ? { restarts: 20, requests: 20_000, drain: '3s', retries: 0 }
  : { restarts: 2, requests: 100, drain: '1200ms', retries: 3 };
const CLIENTS = 8;

/** Answers a little later, finishes what it has begun when it is asked to stop, and takes no new connection then. */
const APPLICATION = `
const { writeSync } = require('node:fs');
const { createServer } = require('node:http');
const server = createServer((_, answer) => setTimeout(() => answer.end('served'), 5));
server.listen(Number(process.argv[2]), '127.0.0.1', () => {
  console.log('start');
  writeSync(3, '\\n');
});
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

async function served(name: string) {
  const [port, asked] = [await freePort(), await freePort()];
  const volume = writtenVolume(join(directory.path, name), { a: '0' });
  const application = join(directory.path, 'application.cjs');
  writeFileSync(application, APPLICATION);
  const run = rehup([
    ...AT_ONCE,
    ...['-w', volume.path, '--drain', drain, '--listen', `127.0.0.1:${asked}`],
    ...['--socket', join(directory.path, `${name}.sock`), '--ready', 'notify-fd:3'],
    ...['--', process.execPath, application, `${port}`],
  ]);
  await run.said('start');
  return { name, port, asked, volume, run };
}

type Served = Awaited<ReturnType<typeof served>>;

function balancer(port: number, servers: readonly Served[]) {
  const file = join(directory.path, 'haproxy.cfg');
  const socket = join(directory.path, 'haproxy.sock');
  const lines = [
    'global',
    `  stats socket ${socket}`,
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 30s',
    '  timeout server 30s',
    // An answer may be late on a busy machine: only what is refused, or told so, is out.
    '  timeout check 10s',
    `  retries ${retries}`,
    '  option redispatch',
    'frontend all',
    `  bind 127.0.0.1:${port}`,
    '  default_backend servers',
    'backend servers',
    '  balance roundrobin',
    '  option httpchk GET /readyz',
    '  default-server check inter 100ms fall 2 rise 1',
    ...servers.map(({ name, port: own, asked }) => `  server ${name} 127.0.0.1:${own} port ${asked}`),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return { process: spawn('/usr/sbin/haproxy', ['-db', '-f', file], { stdio: 'ignore' }), socket };
}

/** Whether the load balancer sends requests to all servers. */
function allUp(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    let table = '';
    const asking = connect(socket, () => asking.write('show stat\n'));
    asking
      .setEncoding('utf8')
      .on('data', (text: string) => (table += text))
      .on('error', () => resolve(false))
      .on('close', () => resolve(table.match(/^servers,(?:one|two),.*,UP,/gm)?.length === 2));
  });
}

/** The status of an answer over a new connection; 0 if there is none. */
function asks(port: number): Promise<number> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/', agent: false }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
    }).on('error', () => resolve(0));
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE; !(await holds()); ) {
    if (Date.now() > end) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('--drain', () => {
  needing(PID_NAMESPACE, HAPROXY)(
    `loses no request of a load balancer over ${restarts} restarts`,
    async () => {
      const servers = [await served('one'), await served('two')];
      const port = await freePort();
      const { process: haproxy, socket } = balancer(port, servers);
      const answers = new Map<number, number>();
      let count = 0;
      let over = false;
      try {
        await until(() => allUp(socket));
        const client = async (): Promise<void> => {
          while (!over) {
            const code = await asks(port);
            answers.set(code, (answers.get(code) ?? 0) + 1);
            count += 1;
          }
        };
        const clients = Array.from({ length: CLIENTS }, client);
        for (let restart = 1; restart <= restarts; restart++) {
          const server = servers[restart % 2];
          const nth = Math.ceil(restart / 2);
          server?.volume.write({ a: `${restart}` });
          await server?.run.logged('reload.applied', nth);
          // Who is ready again has to be known to be, before the other one goes.
          await until(() => allUp(socket));
        }
        await until(async () => count >= requests);
        over = true;
        await Promise.all(clients);
      } finally {
        over = true;
        haproxy.kill('SIGKILL');
        await once(haproxy, 'close');
      }
      expect(Object.fromEntries(answers)).toEqual({ 200: count });
      for (const { run } of servers) {
        const held = run.log().filter(({ event, reason }) => event === 'reload.held' && reason === 'drain');
        expect(held).toHaveLength(restarts / 2);
        await stopped(run);
      }
    },
    soak ? 600_000 : undefined,
  );
});
