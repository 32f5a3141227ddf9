/**
 * `npm run bench:controller`: what `rehup controller` takes for 5,000 workloads and 10,000 objects on a real API server with the real
 * controllers of workloads and no node, as a table in Markdown for docs/measured.md. `--quick` has a tenth of that, to try whether it
 * works. Progress goes to stderr.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pidOf, whileStopped } from '../../test/cluster/client/daemons.ts';
import { awaited, bePatient, quiet } from '../../test/cluster/client/waiting.ts';
import { createHome } from '../../test/cluster/controller/home.ts';
import type { Running } from '../../test/cluster/controller/running.ts';
import { startCluster } from '../../test/cluster/engine/cluster.ts';
import { buildPrograms } from '../../test/cluster/engine/programs.ts';
import { cpuOf, load, memoryOf, spread } from './costs.ts';
import { type App, change, type Extent, each, fill, placesOf, SHARED, sharingOf } from './filling.ts';
import { type Watched, watchWorkloads } from './watching.ts';

const quick = process.argv.includes('--quick');
const EXTENT: Extent = quick
  ? { workloads: 500, namespaces: 10, sharing: 20 }
  : { workloads: 4900, namespaces: 50, sharing: 100 };
const BURST = quick ? 50 : 500;
const STARTS = 3;
const SINGLE = 20;
const AWAY = 20_000;
const SETTLE = 2000;

const SECOND = 1000;

bePatient(600_000);
const tell = (line: string) => console.error(`bench: ${line} (load ${load()})`);

type Row = readonly [what: string, bound: string, measured: string];
const rows: Row[] = [];
const found = (...row: Row): void => {
  rows.push(row);
  tell(row.join(' | '));
};
const seconds = (ms: number) => (ms / SECOND).toFixed(1);

/** Requests that were answered, without watches and what the Lease takes. */
async function requests({ port }: Running): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const counts = metrics.matchAll(
    /^rehup_controller_api_requests_total\{method="(?!WATCH)\w+",.*\} (\d+)$/gm,
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function ready({ port }: Running): Promise<true | undefined> {
  return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok ? true : undefined;
}

/** Until all of them were patched since; when the last one was. */
function patched(watched: Watched, apps: readonly App[], since: number): Promise<number> {
  return awaited(
    `${apps.length} to be patched`,
    () => {
      const times = apps.map((app) => watched.patchedAt(app, since) ?? Number.NaN);
      return times.every((at) => at > 0) ? Math.max(...times) : undefined;
    },
    { shown: () => apps.filter((app) => watched.patchedAt(app, since) === undefined).length.toString() },
  );
}

const began = performance.now();
const programs = await buildPrograms(tell);
const cluster = await startCluster({ programs, tell, isBare: true });
try {
  const { place } = cluster;
  process.env['REHUP_CLUSTER'] = place.folder;
  const home = await createHome('rehup');
  const apps = placesOf(EXTENT);
  const sharing = sharingOf(EXTENT);
  const watched = watchWorkloads(place, readFileSync(join(place.folder, 'pki/apiserver.crt')));
  await fill(home.api, EXTENT, { 'rehup.dev/reload': 'auto', 'rehup.dev/verify': '1s' });
  tell(`filled after ${seconds(performance.now() - began)} s`);
  const total = apps.length + sharing.length;
  await awaited('their controllers', () => (watched.standing().observed === total ? true : undefined), {
    shown: () => JSON.stringify(watched.standing()),
  });
  tell(`at rest after ${seconds(performance.now() - began)} s`);

  const start = async (...words: readonly string[]): Promise<Running> => {
    const running = await home.start('--lease', 'off', ...words);
    await awaited('it to be ready', () => ready(running));
    return running;
  };
  const pid = (running: Running) => running.process.pid ?? 0;

  let at = performance.now();
  // Four times as many requests as by default: no less memory, and less time.
  const first = await start('--qps', '200');
  await awaited('all to be adopted', () => (watched.standing().marked === total ? true : undefined), {
    shown: () => JSON.stringify(watched.standing()),
  });
  const adoption = performance.now() - at;
  const adopting = memoryOf(pid(first));
  found('all taken in for the first time: RSS at most', '150 MB', `${adopting.peak.toFixed(0)} MiB`);
  tell(`adopted within ${seconds(adoption)} s; then ${adopting.now.toFixed(0)} MiB`);
  await first.kill();

  const times: number[] = [];
  const peaks: number[] = [];
  let running = first;
  for (let index = 0; index < STARTS; index += 1) {
    await running.kill();
    at = performance.now();
    running = await start();
    times.push((performance.now() - at) / SECOND);
    peaks.push(memoryOf(pid(running)).peak);
  }
  found('ready (everything listed)', '15 s', `${spread(times, 1)} s`);
  found('… RSS at most', '150 MB', `${spread(peaks)} MiB`);
  await quiet(10 * SECOND);
  const before = { asked: await requests(running), cpu: cpuOf(pid(running)) };
  await quiet(10 * SECOND);
  found('at rest: requests in 10 s', '0', `${(await requests(running)) - before.asked}`);
  found('at rest: RSS', '150 MB', `${memoryOf(pid(running)).now.toFixed(0)} MiB`);
  found('at rest: CPU in 10 s', '', `${cpuOf(pid(running)) - before.cpu} ms`);

  const one = { asked: await requests(running), cpu: cpuOf(pid(running)) };
  const latencies: number[] = [];
  await each(
    apps.slice(0, SINGLE),
    async (app, index) => {
      await quiet(index * 500);
      const since = await change(home.api, app);
      latencies.push((await patched(watched, [app], since)) - since - SETTLE);
    },
    SINGLE,
  );
  await quiet(5 * SECOND);
  const asked = ((await requests(running)) - one.asked) / SINGLE;
  found('a change to its patch, beyond the settle time', '500 ms', `${spread(latencies)} ms`);
  found('requests for a change', '3', asked.toFixed(2));
  const single = (cpuOf(pid(running)) - one.cpu) / SINGLE;

  const shared = { cpu: cpuOf(pid(running)), asked: await requests(running) };
  let since = await change(home.api, { namespace: SHARED, name: SHARED });
  let last = await patched(watched, sharing, since);
  found(`one object of ${sharing.length} Deployments: all patched`, '', `${seconds(last - since)} s`);
  await quiet(5 * SECOND);
  const perApp = (cpuOf(pid(running)) - shared.cpu) / sharing.length;
  found('CPU for a workload: alone, of these', '', `${single.toFixed(1)} ms, ${perApp.toFixed(1)} ms`);

  since = performance.now();
  const burst = apps.slice(SINGLE, SINGLE + BURST);
  await each(
    burst,
    async (app, index) => {
      await quiet(Math.max(0, since + (index * 5 * SECOND) / BURST - performance.now()));
      await change(home.api, app);
    },
    50,
  );
  const changing = performance.now() - since;
  last = await patched(watched, burst, since);
  const what = `${BURST} objects changed within ${seconds(changing)} s: all patched after`;
  found(what, '25 s', `${seconds(last - since)} s`);
  found('… RSS at most', '150 MB', `${memoryOf(pid(running)).peak.toFixed(0)} MiB`);

  const gone = pidOf(place, 'kube-apiserver');
  process.kill(gone, 'SIGKILL');
  await awaited('another API server', () => (pidOf(place, 'kube-apiserver') !== gone ? true : undefined));
  await whileStopped(place, 'kube-apiserver', () => quiet(AWAY));
  await awaited('the API server', () => home.api.text('GET', '/readyz'));
  at = performance.now();
  const [app] = apps.slice(-1);
  if (app === undefined) throw new Error('no workload is left');
  await change(home.api, app);
  last = await patched(watched, [app], at);
  found('an API server that was away: watching again', '5 s', `${seconds(last - at - SETTLE)} s`);
  await quiet(5 * SECOND);
  const end = memoryOf(pid(running));
  found('… RSS at most, and then', '150 MB', `${end.peak.toFixed(0)} MiB, ${end.now.toFixed(0)} MiB`);

  console.log('| `rehup controller` | bound | measured |\n| --- | --- | --- |');
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
  console.log(`\n${total} workloads, ${2 * apps.length + 1} objects; load ${load()}`);
  tell(`over after ${seconds(performance.now() - began)} s`);
  await home.killAll();
} finally {
  await cluster.stop();
}
process.exit();
