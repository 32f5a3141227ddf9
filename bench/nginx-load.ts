/**
 * `npm run bench:nginx`: what a reload of nginx costs the requests that are under way, as a table in Markdown: by rehup, beside
 * `nginx -s reload` and no reload at all. `--quick` asks less, to try whether it works. Progress goes to stderr.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVolume, type Volume } from '../test/support/kubelet.ts';
import { disposeAll, rehup } from '../test/support/rehup.ts';
import { PRODUCTS } from './products.ts';

const quick = process.argv.includes('--quick');
const REQUESTS = quick ? 500 : 20_000;
const RELOADS = quick ? 3 : 20;
/** Connections at a time. */
const CLIENTS = 16;
const PORT = 18_180;

process.env['PATH'] = `${process.env['PATH']}:/usr/sbin`;
const root = mkdtempSync(join(tmpdir(), 'rehup-bench-nginx-'));
const conf = join(root, 'nginx.conf');
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path ${root}/${name};`)
  .join(' ');
writeFileSync(
  conf,
  `pid ${root}/nginx.pid;
worker_processes 2;
error_log stderr crit;
events { worker_connections 512; }
http { access_log off; keepalive_requests 1000000; ${temporary} include ${root}/sites/*.conf; }`,
);
const NGINX = ['nginx', '-e', 'stderr', '-c', conf, '-g', 'daemon off;'];

function site(text: string): Readonly<Record<string, string>> {
  return { 'site.conf': `server { listen 127.0.0.1:${PORT}; location / { return 200 "${text}"; } }` };
}

/** A way to have nginx take another configuration. */
type Way = {
  /** Whether the texts are to be served in the end. */
  readonly serves: boolean;
  /** Has nginx take the nth text, or refuse it. */
  readonly reload: (volume: Volume, nth: number) => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** nginx without rehup. */
function alone(serves: boolean, reload: Way['reload']): Way {
  const [program = '', ...words] = NGINX;
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return {
    serves,
    reload,
    async stop() {
      child.kill('SIGQUIT');
      await ended;
    },
  };
}

function supervised(executable: string, event: string, text: (nth: number) => string): Way {
  const run = rehup(
    [
      ...[
        '--watch',
        join(root, 'sites'),
        '--on-change',
        'HUP',
        '--stop-signal',
        'QUIT',
        '--min-interval',
        '0',
      ],
      ...['--verify', '100ms', '--check', `nginx -t -q -e stderr -c ${conf}`, ...NGINX],
    ],
    { executable },
  );
  return {
    serves: event === 'reload.applied',
    async reload(volume, nth) {
      volume.write({ 'site.conf': text(nth) });
      await run.logged(event, nth);
    },
    async stop() {
      run.signal('SIGTERM');
      await run.ended;
    },
  };
}

const ours = PRODUCTS.filter(({ ours: own, name }) => own && name !== 'rehup-arm64');
const good = (nth: number) => site(`text ${nth}`)['site.conf'] ?? '';

const WAYS: Readonly<Record<string, () => Way>> = {
  'no reload': () => alone(false, async () => {}),
  '`nginx -s reload`': () =>
    alone(true, async (volume, nth) => {
      volume.write({ 'site.conf': good(nth) });
      spawnSync('nginx', ['-e', 'stderr', '-c', conf, '-s', 'reload'], { stdio: 'inherit' });
    }),
  ...Object.fromEntries(
    ours.flatMap(({ name, files: [file = ''] }) => [
      [`${name}, applied`, () => supervised(file, 'reload.applied', good)],
      [`${name}, rejected`, () => supervised(file, 'reload.rejected', (nth) => `typo ${nth};`)],
    ]),
  ),
};

type Tally = {
  readonly asked: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly texts: number;
};

/** One request; answers what was wrong with it. */
function ask(agent: Agent | false, texts: Set<string>): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port: PORT, path: '/', agent }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => {
        if (response.statusCode === 200) texts.add(body);
        resolve(
          response.statusCode === 200 && body.startsWith('text ') ? undefined : `${response.statusCode}`,
        );
      });
      response.on('error', (error) => resolve(error.message));
    });
    request.on('error', (error) => resolve(error.message));
  });
}

async function until(come: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!come()) {
    if (Date.now() > end) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function untilServing(): Promise<void> {
  const end = Date.now() + 10_000;
  while ((await ask(false, new Set())) !== undefined) {
    if (Date.now() > end) throw new Error('nginx does not answer');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Asks all along, from several clients, while the reloads are spread over the requests. */
async function load(way: Way, volume: Volume, keepAlive: boolean): Promise<Tally> {
  const agent = keepAlive ? new Agent({ keepAlive: true, maxSockets: CLIENTS }) : false;
  const failed: Record<string, number> = {};
  const texts = new Set<string>();
  let asked = 0;
  let reloaded = false;
  async function client(): Promise<void> {
    while (asked < REQUESTS || !reloaded) {
      asked += 1;
      const wrong = await ask(agent, texts);
      if (wrong !== undefined) failed[wrong] = (failed[wrong] ?? 0) + 1;
    }
  }
  async function reloads(): Promise<void> {
    for (let nth = 1; nth <= RELOADS; nth++) {
      await until(() => asked >= (REQUESTS / (RELOADS + 1)) * nth);
      await way.reload(volume, nth);
      if (way.serves) await until(() => texts.has(`text ${nth}`));
    }
    // What the last one does to the connections shows with the next requests on them.
    const enough = asked + CLIENTS * 10;
    await until(() => asked >= enough);
    reloaded = true;
  }
  await Promise.all([reloads(), ...Array.from({ length: CLIENTS }, client)]);
  if (agent !== false) agent.destroy();
  return { asked, failed, texts: texts.size };
}

const counted = (failed: Tally['failed']) => {
  const sum = Object.values(failed).reduce((total, one) => total + one, 0);
  const kinds = Object.entries(failed).map(([kind, number]) => `${number} ${kind}`);
  return sum === 0 ? '0' : `**${sum}** (${kinds.join(', ')})`;
};

console.log(
  `| ${RELOADS} reloads each | a new connection each: requests | failed | keep-alive: requests | failed |`,
);
console.log('| --- | --- | --- | --- | --- |');
try {
  for (const [name, begin] of Object.entries(WAYS)) {
    const cells: string[] = [];
    for (const keepAlive of [false, true]) {
      console.error(`bench: ${name}, ${keepAlive ? 'keep-alive' : 'a new connection for each request'}`);
      rmSync(join(root, 'sites'), { recursive: true, force: true });
      mkdirSync(join(root, 'sites'));
      const volume = createVolume(join(root, 'sites'));
      volume.write(site('text 0'));
      const way = begin();
      await untilServing();
      const { asked, failed, texts } = await load(way, volume, keepAlive);
      const expected = way.serves ? RELOADS + 1 : 1;
      if (texts !== expected) throw new Error(`${name}: ${texts} different answers instead of ${expected}`);
      cells.push(`${asked}`, counted(failed));
      await way.stop();
    }
    console.log(`| ${[name, ...cells].join(' | ')} |`);
  }
} finally {
  await disposeAll();
  rmSync(root, { recursive: true });
}
