import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Listening, listening, url } from '../support/listening.ts';
import { CHROMIUM, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE } from '../support/patience.ts';
import { stopped } from '../support/telling.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** The page at `/` in a real browser (specification 6). */

const test = needing(PID_NAMESPACE, CHROMIUM);
const directory = eachWithDirectory();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser | undefined;

beforeAll(async () => {
  if (CHROMIUM.prefix === undefined) return;
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
});

afterAll(() => browser?.close());

async function shown(one: Listening, options: BrowserContextOptions = {}): Promise<Page> {
  if (browser === undefined) throw new Error('the browser is not there');
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(url(one, '/'));
  return page;
}

/** What axe-core finds wrong. */
async function faults(page: Page, colorScheme: 'light' | 'dark'): Promise<unknown> {
  // The page lets no script in but its own.
  const context = await page.context().browser()?.newContext({ bypassCSP: true, colorScheme });
  const copy = await context?.newPage();
  await copy?.goto(page.url());
  await copy?.evaluate(AXE);
  const found = await copy?.evaluate(
    'axe.run().then((result) => result.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))',
  );
  await context?.close();
  return found;
}

async function one(options: readonly string[] = []) {
  const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
  const check = `sh -c '! grep -q bad ${volume.path}/a'`;
  const words = ['-w', volume.path, '--on-change', 'HUP', '--check', check, ...options];
  const started = await listening(directory.path, words);
  return { volume, ...started };
}

describe('the page', () => {
  test('follows a reload through its states without being loaded anew', async () => {
    const { volume, ...started } = await one();
    const page = await shown(started);
    expect(await page.textContent('#state')).toBe('well');
    volume.write({ a: 'bad' });
    await page.waitForSelector('text=rejected', { timeout: PATIENCE });
    expect(await page.textContent('#state')).toContain('degraded');
    volume.write({ a: 'good' });
    await page.waitForSelector('#state :text("well")', { timeout: PATIENCE });
    expect(await page.locator('tbody tr').count()).toBeGreaterThanOrEqual(3);
    await page.context().close();
    await stopped(started.run);
  });

  for (const width of [360, 768, 1_280])
    for (const colorScheme of ['light', 'dark'] as const)
      test(`is readable at ${width} pixels, ${colorScheme}, with script and without`, async () => {
        const { volume, ...started } = await one();
        volume.write({ a: 'bad' });
        await started.run.logged('rehup.degraded');
        for (const javaScriptEnabled of [true, false]) {
          const page = await shown(started, {
            viewport: { width, height: 800 },
            colorScheme,
            javaScriptEnabled,
          });
          expect(await page.textContent('main')).toContain('rejected');
          expect(await page.textContent('main')).toContain(volume.path);
          if (javaScriptEnabled) {
            // What is too wide scrolls by itself, never the page.
            expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
            expect(await faults(page, colorScheme)).toEqual([]);
          }
          await page.context().close();
        }
        await stopped(started.run);
      });

  test('shows names of others as text, whatever they are', async () => {
    const name = '<img src=x onerror=document.title="mine">';
    const script = '</script><script>document.title="mine"</script>';
    const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
    const started = await listening(directory.path, ['-w', volume.path, '--on-change', 'HUP']);
    volume.write({ [name]: '1', [script.replaceAll('/', '∕')]: '2', '\u202eevil\u001b[31m': '3' });
    await started.run.logged('reload.applied');
    const page = await shown(started);
    const errors: string[] = [];
    page.on('console', (message) => errors.push(message.text()));
    await page.reload();
    expect(await page.title()).not.toBe('mine');
    expect(await page.textContent('main')).toContain(name);
    expect(await page.content()).not.toContain('\u202e');
    expect(await page.locator('img').count()).toBe(0);
    expect(errors).toEqual([]);
    await page.context().close();
    await stopped(started.run);
  });

  test('asks no other host, and is shown in no frame', async () => {
    const { volume, ...started } = await one();
    const page = await shown(started);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.waitForRequest((request) => request.url() === url(started, '/'), { timeout: PATIENCE });
    expect(asked.filter((where) => !where.startsWith(url(started, '/')))).toEqual([]);
    await page.setContent(`<iframe src="${url(started, '/')}"></iframe>`);
    expect(volume.path).not.toBe('');
    await page.context().close();
    await stopped(started.run);
  });
});
