import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVolume } from '../test/support/kubelet.ts';
import { PID_NAMESPACE } from '../test/support/machine.ts';
import { storm } from '../test/support/victims.ts';
import type { Product } from './products.ts';
import { type Activity, activityOf, type Cost, costOf, cpuOf, start, tree } from './running.ts';

/** Samples in milliseconds, with what went wrong. */
export type Samples = {
  readonly values: readonly number[];
  readonly lost: number;
  readonly doubled: number;
  /** Milliseconds of CPU a swap, of all processes but the child. */
  readonly cpu: number;
};

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const now = () => Number(process.hrtime.bigint()) / 1e6;

async function inFolder<Value>(use: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = mkdtempSync(join(tmpdir(), 'rehup-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const asPid1 = (words: readonly string[]) => [...(PID_NAMESPACE.prefix ?? []), ...words];

/** A kubelet volume of three keys, and how it is written for the nth time. */
function volumeIn(folder: string, index: number) {
  const path = join(folder, `${index}`);
  const volume = createVolume(path);
  const content = (round: number) => ({ a: `${round}`, b: 'x'.repeat(500), c: 'y'.repeat(2_000) });
  volume.write(content(-1));
  return { path, operations: (round: number) => volume.operations(content(round)) };
}

/**
 * Time from the rename of ..data in one of several volumes, taken in turn, to the handler in the child, PID 1 of a
 * namespace where the machine allows it.
 */
export function swapToSignal(
  watches: NonNullable<Product['watches']>,
  victim: string,
  { volumes, count }: { readonly volumes: number; readonly count: number },
): Promise<Samples> {
  return inFolder(async (folder) => {
    const all = Array.from({ length: volumes }, (_, index) => volumeIn(folder, index));
    const run = start(
      asPid1(
        watches(
          all.map(({ path }) => path),
          [victim],
        ),
      ),
    );
    try {
      await run.said(1);
      await wait(1_500);
      const values: number[] = [];
      let lost = 0;
      let told = run.lines.length;
      const pids = tree(run.pid, 'victim');
      const before = cpuOf(pids);
      for (let round = 0; round < count; round++) {
        let swapped = 0;
        for (const operation of all[round % volumes]?.operations(round) ?? []) {
          // The operation is performed when the loop goes on: the time before the rename counts.
          if (operation.name === 'swap') swapped = now();
        }
        try {
          await run.said(told + 1);
          values.push(Number(run.lines[told]?.split(' ')[1]) / 1e6 - swapped);
        } catch {
          lost += 1;
        }
        await wait(30);
        told = run.lines.length;
      }
      const cpu = (cpuOf(pids) - before) / count;
      return { values, lost, doubled: run.lines.length - 1 - values.length, cpu };
    } finally {
      await run.stop();
    }
  });
}

/** Milliseconds of each start. */
export type Starts = { readonly start: number[]; readonly exit: number[] };

/**
 * Time from the exec of each product to the first statement of its child, and from the last one of that to the end of the
 * product; in turns, so that a drift hits all alike. A product that stays has no times of its end.
 */
export function startAndExit(
  products: readonly Product[],
  stopwatch: string,
  count: number,
): ReadonlyMap<string, Starts> {
  const results = new Map<string, Starts>(products.map(({ name }) => [name, { start: [], exit: [] }]));
  const bare: Starts = { start: [], exit: [] };
  results.set('bare', bare);
  for (let round = 0; round < count; round++) {
    timed(bare, stopwatch, [stopwatch], false);
    for (const { name, wraps, stays = false } of products) {
      timed(results.get(name) ?? bare, stopwatch, wraps([stopwatch]), stays);
    }
  }
  return results;
}

function timed(starts: Starts, stopwatch: string, words: readonly string[], stays: boolean): void {
  const { stdout, status } = spawnSync(stopwatch, [...(stays ? ['--stays'] : []), ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 30_000,
  });
  if (status !== 0) throw new Error(`${words.join(' ')} started no child`);
  const [start = 0, exit = 0] = stdout.split(' ').map((text) => Number(text) / 1e6);
  starts.start.push(start);
  if (!stays) starts.exit.push(exit);
}

/** What a product costs at rest while it watches one volume (or, if it does not watch, while its child sleeps). */
export function atRest(
  product: Product,
  victim: string,
  { settling, seconds }: { readonly settling: number; readonly seconds: number },
): Promise<Cost & { readonly activity: Activity }> {
  return inFolder(async (folder) => {
    const { path } = volumeIn(folder, 0);
    const run = start(product.watches?.([path], [victim]) ?? product.wraps([victim]));
    try {
      await run.said(1);
      await wait(settling * 1_000);
      const pids = tree(run.pid, 'victim');
      const before = activityOf(pids);
      await wait(seconds * 1_000);
      const after = activityOf(pids);
      const activity = { wakeups: after.wakeups - before.wakeups, ticks: after.ticks - before.ticks };
      return { ...costOf(pids), activity };
    } finally {
      await run.stop();
    }
  });
}

/** Orphans a second that are gone when so many of PID 1 die at once; undefined where there is no PID namespace. */
export async function orphansReaped({ wraps }: Product, count: number): Promise<number | undefined> {
  if (PID_NAMESPACE.prefix === undefined) return undefined;
  // It begins when there is nothing more on stdin, which not everyone passes on.
  const run = start(asPid1(wraps(['sh', '-c', 'exec "$0" "$@" </dev/null', ...storm(count, 0)])));
  try {
    await run.said(2);
    const gone = run.lines.find((line) => line.startsWith('gone '));
    return (count * 1_000) / Number(gone?.split(' ')[1]);
  } finally {
    await run.stop();
  }
}
