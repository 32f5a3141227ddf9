import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { controllerPage } from '../../src/controller/core/telling/page.ts';
import { PAGE_FIELDS } from '../../src/core/report/page.ts';
import { goOn, SECRETS, story } from '../controller/telling-world.ts';
import { CHROMIUM } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE } from '../support/patience.ts';

/** The page of the controller in a real browser, while roll-outs go on, fail and are halted (specification 9.6). */

const test = needing(CHROMIUM);
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser | undefined;
let server: Server;
let url: string;
let now = story();

beforeAll(async () => {
  server = createServer((_, answer) => {
    for (const field of PAGE_FIELDS)
      answer.setHeader(...(field.split(/: (.*)/s).slice(0, 2) as [string, string]));
    answer.setHeader('content-type', 'text/html; charset=utf-8').end(controllerPage(now.status()));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  if (CHROMIUM.prefix === undefined) return;
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
});

afterAll(async () => {
  await browser?.close();
  server.close();
});

async function opened(options: object) {
  const context = await browser?.newContext(options);
  const page = await context?.newPage();
  if (page === undefined) throw new Error('the browser is not there');
  await page.goto(url);
  return page;
}

describe('the page of the controller', () => {
  test('follows a roll-out until it has failed and others are halted, without being loaded anew', async () => {
    now = story();
    const page = await opened({});
    expect(await page.textContent('#state')).toBe('well');
    goOn(now);
    await page.waitForSelector('text=3 of 4 workloads need somebody', { timeout: PATIENCE });
    expect(await page.locator('main').textContent()).toContain('is not rolled out: it failed there');
    await page.context().close();
  });

  for (const width of [360, 768, 1_280])
    for (const colorScheme of ['light', 'dark'] as const)
      test(`is readable at ${width} pixels, ${colorScheme}, with script and without`, async () => {
        now = story();
        goOn(now);
        for (const javaScriptEnabled of [true, false]) {
          const page = await opened({ viewport: { width, height: 800 }, colorScheme, javaScriptEnabled });
          const text = (await page.textContent('main')) ?? '';
          for (const word of [
            'failed',
            'rolling',
            'ConfigMap app is not rolled out',
            'rehup-0.deployment.web',
          ])
            expect(text).toContain(word);
          for (const secret of SECRETS) expect(await page.content()).not.toContain(secret);
          // What is too wide scrolls by itself, never the page.
          if (javaScriptEnabled)
            expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
          await page.context().close();
        }
        // The page lets no script in but its own.
        const copy = await opened({ viewport: { width, height: 800 }, bypassCSP: true, colorScheme });
        await copy.evaluate(AXE);
        const found = await copy.evaluate(
          'axe.run().then((result) => result.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))',
        );
        expect(found).toEqual([]);
        await copy.context().close();
      });
});
