/**
 * `npm run screenshots [FOLDER]`: the page of a running rehup in a real browser, in three widths, dark and light, with script and
 * without, while a reload goes through its states; to be looked at. By default into dist/screenshots. Needs Debian's chromium.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { chromium } from 'playwright-core';
import { freePort } from '../test/support/free-port.ts';
import { createVolume } from '../test/support/kubelet.ts';
import { ROOT } from './build/product.ts';

const WIDTHS = [360, 768, 1_280];
const folder = process.argv[2] ?? join(ROOT, 'dist/screenshots');
mkdirSync(folder, { recursive: true });
const place = mkdtempSync(join(tmpdir(), 'rehup-page-'));
const port = await freePort();

const plain = createVolume(join(place, 'etc/app'));
plain.write({ 'app.yaml': 'good', 'limits.yaml': '1' });
const secret = createVolume(
  join(place, 'etc/a-secret-with-a-rather-long-name-as-they-have-in-real-clusters'),
);
secret.write({ 'tls.crt': '1', 'tls.key': '2' });
mkdirSync(join(place, 'run'));

const run = spawn(
  join(ROOT, 'dist/rehup'),
  [
    ...['--listen', `127.0.0.1:${port}`, '--socket', join(place, 'socket'), '--verify', '1s'],
    ...['--min-interval', '0', '--settle', '8s', '-w', `${secret.path}=SIGHUP`],
    ...[
      '--stage',
      `${plain.path}=${join(place, 'run')}`,
      '--check',
      `sh -c '! grep -rq bad "$0"' {dir:${plain.path}}`,
    ],
    ...['-w', `${join(place, 'etc')}/optional.yaml`],
    ...['--', 'sh', '-c', 'trap : HUP; trap exit TERM; while :; do sleep 0.1; done'],
  ],
  { stdio: 'inherit' },
);

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const where = `http://127.0.0.1:${port}/`;

type Told = {
  readonly child: { readonly phase: string };
  readonly waiting: { readonly reason: string } | null;
  readonly degraded: object | null;
  readonly reloads: readonly { readonly outcome: string }[];
};

/** Waits until the status is such. */
async function until(holds: (status: Told) => boolean): Promise<void> {
  for (;;) {
    try {
      const answer = await fetch(`${where}status`);
      const status: Told = JSON.parse(await answer.text());
      if (holds(status)) return;
    } catch {
      // It is not up yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function shoot(name: string): Promise<void> {
  for (const width of WIDTHS)
    for (const colorScheme of ['light', 'dark'] as const)
      for (const javaScriptEnabled of [true, false]) {
        const context = await browser.newContext({
          viewport: { width, height: 800 },
          colorScheme,
          javaScriptEnabled,
        });
        const page = await context.newPage();
        await page.goto(where);
        const script = javaScriptEnabled ? 'script' : 'plain';
        await page.screenshot({
          path: join(folder, `${name}-${width}-${colorScheme}-${script}.png`),
          fullPage: true,
        });
        await context.close();
      }
}

try {
  await until(({ child }) => child.phase === 'running');
  await shoot('1-started');
  plain.write({ 'app.yaml': 'better', 'limits.yaml': '1' });
  await until(({ waiting }) => waiting?.reason === 'settle');
  await shoot('2-waiting');
  await until(({ reloads }) => reloads.length === 1);
  secret.write({ 'tls.crt': '3', 'tls.key': '4' });
  await until(({ reloads }) => reloads.length === 2);
  plain.write({ 'app.yaml': 'bad', 'limits.yaml': '1' });
  await until(({ degraded }) => degraded !== null);
  await shoot('3-degraded');
} finally {
  await browser.close();
  run.kill('SIGTERM');
  rmSync(place, { recursive: true, force: true });
}
