import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVolume } from '../test/support/kubelet.ts';
import { PID_NAMESPACE } from '../test/support/machine.ts';
import type { Product } from './products.ts';
import { type Activity, activityOf, type Cost, costOf, start, tree } from './running.ts';

/** Samples in milliseconds, with what went wrong. */
export type Samples = { readonly values: readonly number[]; readonly lost: number; readonly doubled: number };

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const now = () => Number(process.hrtime.bigint()) / 1e6;

async function inVolume<Value>(use: (path: string) => Promise<Value>): Promise<Value> {
  const directory = mkdtempSync(join(tmpdir(), 'rehup-bench-'));
  try {
    return await use(join(directory, 'volume'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Time from the rename of ..data to the handler in the child, PID 1 of a namespace where the machine allows it. */
export function swapToSignal(product: Product, victim: readonly string[], count: number): Promise<Samples> {
  return inVolume(async (path) => {
    const volume = createVolume(path);
    const payload = (round: number) => ({ a: `${round}`, b: 'x'.repeat(500), c: 'y'.repeat(2_000) });
    volume.write(payload(-1));
    const words = product.watches?.(path, victim) ?? [];
    const run = start([...(PID_NAMESPACE.prefix ?? []), ...words]);
    try {
      await run.said(1);
      await wait(1_500);
      const values: number[] = [];
      let lost = 0;
      let told = run.lines.length;
      for (let round = 0; round < count; round++) {
        let swapped = 0;
        for (const operation of volume.operations(payload(round))) {
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
      return { values, lost, doubled: run.lines.length - 1 - values.length };
    } finally {
      await run.stop();
    }
  });
}

/** Time from the start of `/bin/true` under each product to its exit, interleaved so that a drift hits all alike. */
export async function startToExit(
  products: readonly (Product | undefined)[],
  count: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const results = new Map<string, number[]>();
  for (let round = 0; round < count; round++) {
    for (const product of products) {
      const [program = '', ...args] = product?.wraps(['/bin/true']) ?? ['/bin/true'];
      const name = product?.name ?? 'bare';
      const began = now();
      await new Promise((resolve) => spawn(program, args, { stdio: 'ignore' }).on('exit', resolve));
      results.set(name, [...(results.get(name) ?? []), now() - began]);
    }
  }
  return results;
}

/** What a product costs at rest while it watches one volume (or, if it does not watch, while its child sleeps). */
export function atRest(
  product: Product,
  victim: readonly string[],
  seconds: number,
): Promise<Cost & { readonly activity: Activity }> {
  return inVolume(async (path) => {
    createVolume(path).write({ a: '1', b: '2', c: '3' });
    const words = product.watches?.(path, victim) ?? product.wraps(victim);
    const run = start(words);
    try {
      await run.said(1);
      await wait(3_000);
      const pids = tree(run.pid, victim.length === 1 ? 'victim' : 'node');
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
