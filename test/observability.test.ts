import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../scripts/build/product.ts';
import { freePort } from './support/free-port.ts';
import { listening, url } from './support/listening.ts';
import { PID_NAMESPACE, PROMETHEUS } from './support/machine.ts';
import { needing } from './support/needing.ts';
import { childrenOf, PATIENCE } from './support/rehup.ts';
import { stopped } from './support/telling.ts';
import { eachWithDirectory, writtenVolume } from './support/volume.ts';

/** What deploy/ has for those who watch over rehup, on the tools that read it. */

const test = needing(PID_NAMESPACE, PROMETHEUS);
const directory = eachWithDirectory();
const DEPLOY = join(import.meta.dirname, '../deploy');
const run = promisify(execFile);

function promtool(words: readonly string[], input = ''): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('promtool', words, { cwd: DEPLOY });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => (text += bytes.toString()));
    child.on('close', (code) => resolve({ code: code ?? -1, text })).on('error', reject);
    child.stdin.end(input);
  });
}

describe('the alert rules', () => {
  test('are what promtool takes, and fire when they should', async () => {
    expect(await promtool(['check', 'rules', 'alerts.yaml'])).toMatchObject({ code: 0 });
    expect(await promtool(['test', 'rules', 'alerts.test.yaml'])).toMatchObject({ code: 0 });
  });

  test('are each tested', () => {
    const rules: { groups: { rules: { alert: string }[] }[] } = parse(
      readFileSync(join(DEPLOY, 'alerts.yaml'), 'utf8'),
    );
    const tests = readFileSync(join(DEPLOY, 'alerts.test.yaml'), 'utf8');
    for (const { alert } of rules.groups.flatMap((group) => group.rules)) {
      expect(tests).toMatch(new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:`));
    }
  });
});

test('the metrics pass promtool in every state, with any names', async () => {
  const odd = join(directory.path, 'a "} 1\nfake 1');
  const volume = writtenVolume(odd, { a: '0' });
  const check = `sh -c 'case $(cat "$0"/a) in bad*) exit 1;; slow*) sleep 1000;; esac' {dir}`;
  const options = ['-w', volume.path, '--on-change', 'HUP', '--check', check, '--check-timeout', '60s'];
  const one = await listening(directory.path, options);
  const metrics = async () => {
    const text = await (await fetch(url(one, '/metrics'))).text();
    expect(await promtool(['check', 'metrics'], text)).toEqual({ code: 0, text: '' });
    return text;
  };
  expect(await metrics()).not.toMatch(/^rehup_config_last_reload_successful/m);
  volume.write({ a: 'good' });
  await one.run.logged('reload.applied');
  expect(await metrics()).toMatch(/^rehup_config_last_reload_successful 1$/m);
  volume.write({ a: 'bad' });
  await one.run.logged('reload.rejected');
  const text = await metrics();
  expect(text).toMatch(/^rehup_degraded 1$/m);
  expect(text).not.toMatch(/^fake/m);
  volume.write({ a: 'slow' });
  await one.run.logged('config.changed', 3);
  expect(await metrics()).toMatch(/^rehup_config_pending\{.*\} 1$/m);
  await stopped(one.run);
});

test('the metrics pass promtool while no child runs, in a drain, without what is watched, and after a failure', async () => {
  const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
  const optional = writtenVolume(join(directory.path, 'optional'), { b: '0' });
  const options = [
    '-w',
    volume.path,
    '-w',
    `${optional.path}=exec:false`,
    '--drain',
    '60s',
    '--on-exit',
    'restart',
  ];
  const one = await listening(directory.path, [...options, '--poll', '50ms', '--settle', '0']);
  const metrics = async () => {
    const text = await (await fetch(url(one, '/metrics'))).text();
    expect(await promtool(['check', 'metrics'], text)).toEqual({ code: 0, text: '' });
    return text;
  };
  optional.write({ b: '1' });
  await one.run.logged('reload.failed');
  expect(await metrics()).toMatch(/^rehup_config_stale\{watch=".*optional"\} 1$/m);
  rmSync(optional.path, { recursive: true });
  await one.run.logged('watch.missing');
  await metrics();
  for (const pid of childrenOf(one.run.pid())) process.kill(pid, 'SIGKILL');
  await one.run.logged('child.back_off');
  expect(await metrics()).toMatch(/^rehup_child_up 0$/m);
  await one.run.said('start', 2);
  expect(await metrics()).toMatch(/^rehup_child_starts_total\{reason="on-exit"\} 1$/m);
  volume.write({ a: '1' });
  await one.run.logged('reload.held');
  expect(await metrics()).toMatch(/^rehup_reload_wait_seconds\{reason="drain"\} (?!0$)/m);
  await stopped(one.run);
});

test('the dashboard is what the schema of Grafana takes, as far as npm has one: its types', () => {
  const folder = join(ROOT, 'node_modules/.cache/rehup/dashboard');
  const types = `import type { WrittenDashboard } from '${ROOT}/test/support/dashboard.ts';`;
  const flags = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext'];
  const faults = (dashboard: string): string => {
    const file = join(folder, 'dashboard.ts');
    writeFileSync(file, `${types}\nexport const dashboard = ${dashboard} satisfies WrittenDashboard;\n`);
    const words = [...flags, '--allowImportingTsExtensions', file];
    return spawnSync(join(ROOT, 'node_modules/.bin/tsc'), words, { encoding: 'utf8' }).stdout;
  };
  mkdirSync(folder, { recursive: true });
  const dashboard = readFileSync(join(DEPLOY, 'grafana-dashboard.json'), 'utf8').trim();
  expect(faults(dashboard)).toBe('');
  expect(faults(dashboard.replace('"refresh": 2', '"refresh": 9'))).toContain('VariableRefresh');
  expect(faults(dashboard.replace('"gridPos"', '"gridpos"'))).toContain('gridpos');
});

test('every query of the dashboard finds what a real Prometheus scraped', async () => {
  const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
  const one = await listening(directory.path, ['-w', volume.path, '--on-change', 'HUP']);
  volume.write({ a: '1' });
  await one.run.logged('reload.applied');
  const port = await freePort();
  const scraped = { targets: [`127.0.0.1:${one.port}`], labels: { namespace: 'shop', pod: 'web-1' } };
  const config = join(directory.path, 'prometheus.yml');
  writeFileSync(
    config,
    JSON.stringify({
      scrape_configs: [{ job_name: 'rehup', scrape_interval: '1s', static_configs: [scraped] }],
    }),
  );
  const words = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${directory.path}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const prometheus = spawn('prometheus', words, { stdio: 'ignore' });
  try {
    const { panels }: { panels: { title: string; targets: { expr: string }[] }[] } = JSON.parse(
      readFileSync(join(DEPLOY, 'grafana-dashboard.json'), 'utf8'),
    );
    const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(queries.length).toBeGreaterThan(8);
    for (const query of queries) {
      const filled = query
        .replaceAll('$namespace', 'shop')
        .replaceAll('$pod', 'web-1')
        .replaceAll('$__rate_interval', '1m');
      expect([query, await found(port, filled)]).toEqual([query, true]);
    }
  } finally {
    prometheus.kill('SIGKILL');
  }
  await stopped(one.run);
});

/** Whether a query has a result, as soon as enough was scraped. */
async function found(port: number, query: string): Promise<boolean> {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    try {
      const { stdout } = await run('curl', [
        '-sG',
        `http://127.0.0.1:${port}/api/v1/query`,
        '--data-urlencode',
        `query=${query}`,
      ]);
      const answer: { status: string; data?: { result: unknown[] } } = JSON.parse(stdout);
      if (answer.status === 'error') return false;
      if ((answer.data?.result.length ?? 0) > 0) return true;
    } catch {
      // It is not up yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return false;
}
