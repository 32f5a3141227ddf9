import { mkdirSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { served } from '../support/asking.ts';
import { freePort } from '../support/free-port.ts';
import type { Payload } from '../support/kubelet.ts';
import { HAPROXY, NGINX, PID_NAMESPACE, PROMETHEUS } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, type Rehup, rehup } from '../support/rehup.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Reloads of real applications, staged, checked and verified as their users would have it (specification 3 and 5). */

const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

/** rehup with a stage in front of an application, and a readiness probe of the port that it serves. */
async function staged(port: number, words: readonly string[], path = '/'): Promise<Rehup> {
  const run = rehup(
    [
      ...['--stage', `${here('source')}=${here('target')}`],
      ...['--ready', `http://127.0.0.1:${port}${path}`, '--ready-timeout', '2s'],
      ...['--min-interval', '0', '--poll', '0', '--verify', '1s'],
      ...words,
    ],
    { environment: { PATH: `${process.env['PATH']}:/usr/sbin` } },
  );
  await run.logged('child.started');
  return run;
}

/** What became of each reload, and how often a child was started. */
function story(run: Rehup): readonly string[] {
  return run
    .log()
    .map((line) => line.event)
    .filter((event) =>
      /^(child\.started|reload\.(applied|rejected|failed|rolled_back|restart_instead))$/.test(event),
    );
}

/** An address that refuses what is passed on to it. */
const NOWHERE = '127.0.0.1:1';

type Application = {
  readonly words: () => readonly string[];
  /** Serves a text; one that refuses to be loaded; one that loads, and does not serve. */
  readonly good: (port: number, text: string) => Payload;
  readonly typo: (port: number) => Payload;
  readonly useless: (port: number) => Payload;
  /** What the check says of the typo. */
  readonly complaint: string;
};

function nginx(port: number, location: string): Payload {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${here('tmp')}/${name};`)
    .join(' ');
  return {
    'nginx.conf': `pid ${here('tmp')}/nginx.pid;
worker_processes 2;
events { worker_connections 64; }
http { access_log off; ${temporary} include site.conf; }`,
    'site.conf': `server { listen 127.0.0.1:${port}; location / { ${location} } }`,
  };
}

const NGINX_WORDS = () => [
  ...['--on-change', 'HUP', '--stop-signal', 'QUIT', '--check', 'nginx -t -q -e stderr -c {dir}/nginx.conf'],
  ...['nginx', '-e', 'stderr', '-c', here('target/nginx.conf'), '-g', 'daemon off;'],
];

function haproxy(port: number, backend: string): Payload {
  const timeouts = ['connect', 'client', 'server'].map((name) => ` timeout ${name} 5s\n`).join('');
  return {
    'haproxy.cfg': `defaults\n mode http\n${timeouts}listen main\n bind 127.0.0.1:${port}\n ${backend}\n`,
  };
}

const APPLICATIONS: Readonly<Record<string, Application>> = {
  nginx: {
    words: NGINX_WORDS,
    good: (port, text) => nginx(port, `return 200 ${text};`),
    typo: (port) => nginx(port, 'retrun 200 typo;'),
    useless: (port) => nginx(port, `proxy_pass http://${NOWHERE};`),
    complaint: 'unknown directive',
  },
  haproxy: {
    words: () => [
      ...['--on-change', 'USR2', '--stop-signal', 'USR1', '--check', 'haproxy -c -f {dir}/haproxy.cfg'],
      ...['haproxy', '-W', '-f', here('target/haproxy.cfg')],
    ],
    good: (port, text) =>
      haproxy(port, `http-request return status 200 content-type text/plain string ${text}`),
    typo: (port) => haproxy(port, 'http-reqest deny'),
    useless: (port) => haproxy(port, `server nobody ${NOWHERE}`),
    complaint: 'unknown keyword',
  },
};

const PROGRAMS = { nginx: NGINX, haproxy: HAPROXY };

describe.each(Object.entries(PROGRAMS))('%s', (name, program) => {
  const test = needing(PID_NAMESPACE, program);
  const application = APPLICATIONS[name];
  if (application === undefined) throw new Error(`nothing is known of ${name}`);
  const { words, good, typo, useless, complaint } = application;

  test('serves what passed its check and answers, and nothing else, and is never restarted for it', async () => {
    mkdirSync(here('tmp'));
    const port = await freePort();
    const volume = writtenVolume(here('source'), good(port, 'one'));
    const run = await staged(port, words());
    expect(await served(port, 'one')).toBe('one');
    volume.write(good(port, 'two'));
    await run.logged('reload.applied');
    expect(await served(port, 'two')).toBe('two');

    volume.write(typo(port));
    const rejected = await run.logged('reload.rejected');
    expect(rejected['reason']).toBe(`the check ${name} exited with 1`);
    expect(JSON.stringify(rejected)).toContain(complaint);
    expect(await served(port, 'two')).toBe('two');

    volume.write(useless(port));
    expect((await run.logged('reload.rolled_back'))['reason']).toContain('--ready did not succeed');
    expect(await served(port, 'two')).toBe('two');

    volume.write(good(port, 'three'));
    await run.logged('rehup.recovered');
    expect(await served(port, 'three')).toBe('three');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(story(run)).toEqual([
      'child.started',
      'reload.applied',
      'reload.rejected',
      'reload.rolled_back',
      'reload.applied',
    ]);
  });

  test('that is started anew on content which does not serve comes up on what was good', async () => {
    mkdirSync(here('tmp'));
    const port = await freePort();
    const volume = writtenVolume(here('source'), good(port, 'one'));
    const first = await staged(port, words());
    volume.write(good(port, 'two'));
    await first.logged('reload.applied');
    first.signal('SIGTERM');
    expect(await first.ended).toBe(0);

    volume.write(useless(port));
    const run = await staged(port, words());
    await run.logged('reload.rolled_back');
    await run.logged('rehup.degraded');
    expect(await served(port, 'two')).toBe('two');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
  });
});

// `npm run bench:nginx` asks 20,000 times.
needing(PID_NAMESPACE, NGINX)('no request to nginx on a new connection is lost by reloads', async () => {
  mkdirSync(here('tmp'));
  const port = await freePort();
  const good = (text: string) => nginx(port, `return 200 ${text};`);
  const volume = writtenVolume(here('source'), good('0'));
  const run = await staged(port, NGINX_WORDS());
  expect(await served(port, '0')).toBe('0');
  let going = true;
  const answers = new Map<string, number>();
  async function client(): Promise<void> {
    while (going) {
      const text = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
        .then((answer) => answer.text())
        .catch(String);
      answers.set(text, (answers.get(text) ?? 0) + 1);
    }
  }
  const clients = Promise.all(Array.from({ length: 4 }, client));
  for (const nth of [1, 2, 3]) {
    volume.write(good(`${nth}`));
    await run.logged('reload.applied', nth);
    await expect.poll(() => answers.get(`${nth}`) ?? 0, { timeout: PATIENCE }).toBeGreaterThan(20);
  }
  going = false;
  await clients;
  expect([...answers.keys()].sort()).toEqual(['0', '1', '2', '3']);
});

describe('nginx that is stopped', () => {
  let behind: Server | undefined;
  afterEach(() => behind?.close());

  needing(PID_NAMESPACE, NGINX)('by the QUIT that a TERM becomes finishes what it has begun', async () => {
    mkdirSync(here('tmp'));
    // Answers the probe at once, and everybody else by half until it is told.
    const halves: ServerResponse[] = [];
    const server = createServer((request, response) => {
      if (request.url === '/') return response.end('up');
      halves.push(response);
      return response.write('first half, ');
    });
    behind = server;
    const inner = await freePort();
    await new Promise<void>((resolve) => server.listen(inner, '127.0.0.1', resolve));
    const port = await freePort();
    const location = `proxy_buffering off; proxy_pass http://127.0.0.1:${inner};`;
    writtenVolume(here('source'), nginx(port, location));
    const run = await staged(port, NGINX_WORDS());
    expect(await served(port, 'up')).toBe('up');

    const answer = await fetch(`http://127.0.0.1:${port}/slow`, { headers: { connection: 'close' } });
    const rest = answer.text();
    run.signal('SIGTERM');
    await run.logged('stop.requested');
    for (const half of halves) half.end('second half');
    expect(await rest).toBe('first half, second half');
    expect(await run.ended).toBe(0);
  });
});

describe('Prometheus', () => {
  const test = needing(PID_NAMESPACE, PROMETHEUS);

  const settings = (text: string) => ({
    'prometheus.yml': `global: { external_labels: { is: ${text} } }\n`,
  });

  /** The label that it runs with; none before it listens. */
  async function label(port: number): Promise<string | undefined> {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/status/config`);
      return /is: (\w+)/.exec(await answer.text())?.[1];
    } catch {
      return undefined;
    }
  }

  /** Up, so that it can be told. */
  async function started(port: number, more: readonly string[] = []): Promise<Rehup> {
    const run = await staged(port, words(port, more), '/-/ready');
    await expect.poll(() => label(port), { timeout: PATIENCE }).toBe('one');
    return run;
  }

  function words(port: number, more: readonly string[]): readonly string[] {
    const address = `127.0.0.1:${port}`;
    return [
      ...['--on-change', `http://${address}/-/reload`, ...more],
      ...[
        'prometheus',
        `--config.file=${here('target/prometheus.yml')}`,
        `--storage.tsdb.path=${here('tmp')}`,
      ],
      ...['--web.enable-lifecycle', `--web.listen-address=${address}`, '--log.level=error'],
    ];
  }

  test('is told by HTTP, and what its check refuses never reaches it', async () => {
    const port = await freePort();
    const volume = writtenVolume(here('source'), settings('one'));
    const run = await started(port, ['--check', 'promtool check config {dir}/prometheus.yml']);
    volume.write(settings('two'));
    await run.logged('reload.applied');
    expect(await label(port)).toBe('two');
    volume.write({ 'prometheus.yml': 'globl: {}\n' });
    expect((await run.logged('reload.rejected'))['reason']).toBe('the check promtool exited with 1');
    expect(await label(port)).toBe('two');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(story(run)).toEqual(['child.started', 'reload.applied', 'reload.rejected']);
  });

  test('that refuses content itself is rolled back by the same call', async () => {
    const port = await freePort();
    const volume = writtenVolume(here('source'), settings('one'));
    const run = await started(port);
    volume.write(settings('two'));
    await run.logged('reload.applied');
    volume.write({ 'prometheus.yml': 'globl: {}\n' });
    expect((await run.logged('reload.rolled_back'))['reason']).toContain('answered 500');
    expect(await label(port)).toBe('two');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(story(run)).toEqual(['child.started', 'reload.applied', 'reload.rolled_back']);
  });
});
