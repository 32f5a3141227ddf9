/**
 * `npm run bench:server`: what the HTTP server costs those who do not ask it, while nobody, `wrk` or an attacker does, as a table in
 * Markdown. Words choose among these; `--quick` takes two seconds for each, to try whether it works. Progress goes to stderr.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../test/support/free-port.ts';
import { createVolume } from '../test/support/kubelet.ts';
import { compiled, PRODUCTS } from './products.ts';
import { costOf, start } from './running.ts';

const quick = process.argv.includes('--quick');
/** How long each asks; wrk for a minute. */
const secondsOf = (what: string): number => (quick ? 2 : what === 'wrk' ? 60 : 20);
/** Swaps and signals take turns at this distance, ms. */
const PACE = 100;
/** As a kubelet asks, but more often, ms. */
const PROBE_PACE = 100;

const root = mkdtempSync(join(tmpdir(), 'rehup-bench-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const victim = compiled('victim');
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const row = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);

const ATTACKS = ['nobody', 'silent', 'slow', 'endless', 'garbage', 'takes no answer', 'wrk'];

function visitors(what: string, port: number): ChildProcess | undefined {
  if (what === 'nobody') return undefined;
  const words =
    what === 'wrk'
      ? ['wrk', '-t1', '-c4', `-d${secondsOf(what)}s`, `http://127.0.0.1:${port}/metrics`]
      : [process.execPath, join(import.meta.dirname, 'attack.ts'), `${port}`, what];
  const [program = '', ...rest] = words;
  return spawn(program, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
}

/** Asks as a kubelet does: from an address of its own, with a limit of a second; how long it took, ms, or undefined. */
function probed(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const began = performance.now();
    const where = {
      host: '127.0.0.1',
      port,
      path: '/readyz',
      localAddress: '127.0.0.2',
      agent: false,
      timeout: 1_000,
    };
    const request = get(where, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200 ? performance.now() - began : undefined);
    });
    request.on('timeout', () => request.destroy()).on('error', () => resolve(undefined));
  });
}

function times(values: readonly number[]): string {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (part: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(2);
  return `${at(0.5)} / ${at(0.99)} / ${at(1)}`;
}

async function measured(executable: string, name: string, what: string): Promise<void> {
  console.error(`${name}: ${what}`);
  const port = await freePort();
  const volume = createVolume(join(root, `${name}-${ATTACKS.indexOf(what)}`));
  volume.write({ a: '0' });
  const options = [
    '--log-level',
    'silent',
    '--on-change',
    'SIGHUP',
    '--min-interval',
    '0',
    '--verify',
    '0',
    '--settle',
    '0',
  ];
  const run = start([
    executable,
    ...options,
    '--listen',
    `127.0.0.1:${port}`,
    '-w',
    volume.path,
    '--',
    victim,
  ]);
  await run.said(1);
  await wait(1_000);
  await probed(port);
  const before = costOf([run.pid]).anonymous;
  let most = before;
  const visiting = visitors(what, port);
  const visited = new Promise((resolve) => visiting?.once('close', resolve));
  let report = '';
  visiting?.stdout?.on('data', (bytes: Buffer) => (report += bytes.toString()));
  await wait(500);
  const swaps: number[] = [];
  const signals: number[] = [];
  const probes: (number | undefined)[] = [];
  const end = Date.now() + secondsOf(what) * 1_000 - 500;
  const probing = (async () => {
    while (Date.now() < end) {
      probes.push(await probed(port));
      await wait(PROBE_PACE);
    }
  })();
  let lines = 1;
  /** How long a signal took to come to the child, ms. */
  async function told(act: () => void, into: number[]): Promise<void> {
    const began = process.hrtime.bigint();
    act();
    lines += 1;
    await run.said(lines);
    const at = BigInt(run.lines[lines - 1]?.split(' ')[1] ?? '0');
    into.push(Number(at - began) / 1e6);
    await wait(PACE);
  }
  for (let count = 1; Date.now() < end; count++) {
    await told(() => volume.write({ a: `${count}` }), swaps);
    await told(() => process.kill(run.pid, 'SIGUSR1'), signals);
    most = Math.max(most, costOf([run.pid]).anonymous);
  }
  await probing;
  if (what === 'wrk') await visited;
  else visiting?.kill('SIGKILL');
  await run.stop();
  const answered = probes.filter((time) => time !== undefined);
  const rate = /Requests\/sec:\s*([\d.]+)/.exec(report)?.[1];
  const failed = /Socket errors: .*|Non-2xx.*/.exec(report)?.[0] ?? 'no error';
  row([
    name,
    rate === undefined ? what : `${what}: ${rate} requests a second, ${failed}`,
    `${most - before}`,
    times(swaps),
    times(signals),
    `${answered.length} of ${probes.length}`,
    times(answered),
  ]);
}

row([
  '',
  'who asks',
  'more memory, KiB',
  'swap to signal, ms',
  'signal to signal, ms',
  'probes answered',
  'ms',
]);
row(['---', '---', '---', '---', '---', '---', '---']);
const chosen = process.argv.slice(2).filter((word) => !word.startsWith('--'));
for (const { name, ours, files } of PRODUCTS)
  for (const what of ours ? ATTACKS : [])
    if (chosen.length === 0 || chosen.includes(what)) await measured(files[0] ?? '', name, what);
process.exit(0);
