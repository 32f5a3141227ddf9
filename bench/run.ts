/**
 * `npm run bench`: rehup beside its peers, all measured in this run, as one table in Markdown for docs/measured.md.
 * `--quick` measures hardly anything, to try whether it works. Progress goes to stderr.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { PID_NAMESPACE } from '../test/support/machine.ts';
import { VICTIMS_IN_C } from '../test/support/victims.ts';
import { atRest, orphansReaped, type Samples, startAndExit, swapToSignal } from './measures.ts';
import { ALL, compiled, isThere, PRODUCTS, type Product, sizeOf } from './products.ts';
import { type Measured, median, milliseconds, table } from './table.ts';

const QUICK = {
  volumes: [1, 3, 5],
  swaps: 2,
  starts: 1,
  orphans: 20,
  storms: 1,
  settling: 0.5,
  restSeconds: 0.5,
};
const WHOLE = {
  volumes: [1, 100, 1_000],
  swaps: 100,
  starts: 40,
  orphans: 2_000,
  storms: 5,
  settling: 5,
  restSeconds: 20,
};
const extent: typeof WHOLE = process.argv.includes('--quick') ? QUICK : WHOLE;

function progress(text: string): void {
  console.error(`bench: ${text}`);
}

if (VICTIMS_IN_C.prefix === undefined) throw new Error(`bench: this machine lacks ${VICTIMS_IN_C.remedy}`);
const victim = compiled('victim');
const stopwatch = compiled('stopwatch');

async function swapsOf({ name, watches }: Product): Promise<readonly Samples[] | undefined> {
  if (watches === undefined) return undefined;
  const all: Samples[] = [];
  for (const volumes of extent.volumes) {
    progress(`swap to signal, ${volumes} volumes, ${extent.swaps} times: ${name}`);
    all.push(await swapToSignal(watches, victim, { volumes, count: extent.swaps }));
  }
  return all;
}

async function reapedBy(product: Product): Promise<readonly number[]> {
  progress(`${extent.orphans} orphans, ${extent.storms} times: ${product.name}`);
  const rates: number[] = [];
  for (let round = 0; round < extent.storms; round++) {
    const rate = await orphansReaped(product, extent.orphans);
    if (rate !== undefined) rates.push(rate);
  }
  return rates;
}

progress(`start and exit, ${extent.starts} times each`);
const starts = startAndExit(PRODUCTS, stopwatch, extent.starts);
const measured: Measured[] = [];
for (const product of ALL) {
  const { name, debian } = product;
  if (!isThere(product)) {
    const leftOut = debian === undefined ? 'npm run build' : `apt-get install -y ${debian}`;
    progress(`left out: ${name}; ${leftOut}`);
    measured.push({ name, leftOut });
    continue;
  }
  const swaps = await swapsOf(product);
  const reaped = await reapedBy(product);
  progress(`at rest, ${extent.restSeconds} s: ${name}`);
  const rest = await atRest(product, victim, { settling: extent.settling, seconds: extent.restSeconds });
  const ownStarts = starts.get(name);
  measured.push({
    name,
    reaped,
    rest,
    size: sizeOf(product),
    ...(ownStarts === undefined ? {} : { starts: ownStarts }),
    ...(swaps === undefined ? {} : { swaps }),
  });
  for (const { lost, doubled } of swaps ?? []) {
    if (lost + doubled === 0) continue;
    progress(`${name}: ${lost} signals lost, ${doubled} doubled`);
    if (product.ours) process.exitCode = 1;
  }
}

console.log(table(measured, extent));
console.log(`\n${machine()}; ${extent.starts} starts, ${extent.swaps} swaps of one of the volumes, of 3 keys
each, ${extent.storms} times ${extent.orphans} orphans that die at once; swaps and orphans ${PID_NAMESPACE.prefix === undefined ? 'not ' : ''}as PID 1. Ratios to \`inotifywait\` + \`kill\`
(which reads and compares nothing) for the swap, to tini for the rest. Sums over all processes but the child. s6 and
supervisord start a child anew and do not end with it. The child alone starts in ${milliseconds(median(starts.get('bare')?.start) ?? 0)}.`);

function machine(): string {
  const [cpu] = cpus();
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const debian =
    readFileSync('/etc/os-release', 'utf8').match(/^PRETTY_NAME="(.*)"/m)?.[1] ?? 'unknown system';
  return `${cpus().length} cores of ${cpu?.model.trim() || process.arch}, Linux ${kernel}, ${debian}, ${new Date().toISOString().slice(0, 10)}`;
}
