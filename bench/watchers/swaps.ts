import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Activity, activityOf, type Cost, costOf, cpuOf, start, tree } from '../running.ts';
import type { Watcher } from './watchers.ts';

/** How much is asked of each. */
export type Extent = {
  readonly swaps: number;
  readonly same: number;
  /** Between two of them, ms. */
  readonly pace: number;
  readonly restSeconds: number;
  /** After the last of them, ms. */
  readonly late: number;
};

export type Behaviour = {
  /** How often the application was told while the content changed, and which of the contents it was never told of. */
  readonly told: number;
  readonly missed: number;
  /** Whether it was told of the last one, which counts for those that take several changes together. */
  readonly last: boolean;
  /** Told of the content that it had been told of before. */
  readonly extra: number;
  /** Told while its keys were of different generations. */
  readonly torn: number;
  /** From the swap to the application, ms, of those that it was told of. */
  readonly times: readonly number[];
  /** CPU time of all processes but the application, ms. */
  readonly cpu: number;
  /** Told of a generation with the same content. */
  readonly same: number;
  readonly rest: Cost & { readonly activity: Activity; readonly cpu: number };
};

/** What the application was told, and when, in nanoseconds of CLOCK_MONOTONIC. */
export type Telling = { readonly at: number; readonly keys: readonly string[] };

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Kubernetes' own writer of volumes, on one folder. */
function writerOf(file: string, volume: string) {
  const child: ChildProcess = spawn(file, [volume], { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdin === null || child.stdout === null) throw new Error('the writer has its pipes');
  const { stdin } = child;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    /** When the new generation was about to be put in its place, ns. */
    async write(text: string): Promise<number> {
      stdin.write(`${text}\n`);
      return Number((await lines.next()).value);
    },
    end: () => void stdin.end(),
  };
}

/** Another generation with the content of the one that is there, as a label's change or a restored backup writes it. */
function writeSame(volume: string, round: number): void {
  const name = `..same_${round}`;
  const data = join(volume, '..data');
  cpSync(join(volume, readlinkSync(data)), join(volume, name), { recursive: true });
  const before = readlinkSync(data);
  symlinkSync(name, join(volume, '..data_tmp'));
  renameSync(join(volume, '..data_tmp'), data);
  rmSync(join(volume, before), { recursive: true });
}

/** Counts a call as telling. */
async function listening(volume: string, told: Telling[]): Promise<Server> {
  const server = createServer((_, answer) => {
    const at = Number(process.hrtime.bigint());
    const keys = ['a', 'b', 'c'].map((key) => readFileSync(join(volume, key), 'utf8').split('\n')[0] ?? '');
    told.push({ at, keys });
    answer.end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return server;
}

function tellingOf(line: string): Telling {
  const [, at = '', ...keys] = line.split(' ');
  return { at: Number(at), keys };
}

/** What one of them does over the same writes. */
export async function behaviourOf(
  watcher: Watcher,
  { writer: file, victim }: { readonly writer: string; readonly victim: string },
  extent: Extent,
): Promise<Behaviour> {
  const folder = mkdtempSync(join(tmpdir(), 'rehup-bench-'));
  const [volume, scratch] = [join(folder, 'volume'), join(folder, 'scratch')];
  for (const path of [volume, scratch]) mkdirSync(path);
  const writer = writerOf(file, volume);
  await writer.write('0');
  const called: Telling[] = [];
  const server = await listening(volume, called);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const run = start(watcher.words({ volume, victim, scratch, url: `http://127.0.0.1:${port}/` }));
  /** What was told since the start, but for lines that are none of the application's. */
  const tellings = (): readonly Telling[] => [
    ...run.lines.filter((line) => /^(ready|1) \d/.test(line)).map(tellingOf),
    ...called,
  ];
  try {
    await wait(3_000);
    const atRest = tree(run.pid, 'victim');
    const before = { ...activityOf(atRest), cpu: cpuOf(atRest) };
    await wait(extent.restSeconds * 1_000);
    const after = { ...activityOf(atRest), cpu: cpuOf(atRest) };
    const activity = { wakeups: after.wakeups - before.wakeups, ticks: after.ticks - before.ticks };
    const rest = { ...costOf(atRest), activity, cpu: after.cpu - before.cpu };
    const first = tellings().length;
    const swapped: number[] = [];
    for (let round = 1; round <= extent.swaps; round++) {
      swapped.push(await writer.write(`${round}`));
      await wait(extent.pace);
    }
    // What comes late counts: some look each ten seconds.
    await wait(extent.late);
    const cpu = cpuOf(tree(run.pid, 'victim')) - after.cpu;
    const told = tellings().slice(first);
    const atEnd = tellings().length;
    for (let round = 1; round <= extent.same; round++) {
      writeSame(volume, round);
      await wait(extent.pace);
    }
    await wait(2_000);
    return { ...judged(told, swapped), cpu, rest, same: tellings().length - atEnd };
  } finally {
    writer.end();
    await run.stop();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the tellings were worth: content `n` is the one of the nth swap, which was at `swapped[n - 1]`. */
export function judged(
  told: readonly Telling[],
  swapped: readonly number[],
): Pick<Behaviour, 'told' | 'missed' | 'last' | 'extra' | 'torn' | 'times'> {
  const times: number[] = [];
  let [extra, torn, last] = [0, 0, '0'];
  const known = new Set<string>();
  for (const { at, keys } of told) {
    const [content = ''] = keys;
    if (new Set(keys).size > 1) torn += 1;
    if (content === last) extra += 1;
    else if (!known.has(content)) times.push((at - (swapped[Number(content) - 1] ?? at)) / 1e6);
    known.add(content);
    last = content;
  }
  return {
    told: told.length,
    missed: swapped.filter((_, index) => !known.has(`${index + 1}`)).length,
    last: known.has(`${swapped.length}`),
    extra,
    torn,
    times,
  };
}
