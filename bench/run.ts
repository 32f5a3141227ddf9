/**
 * `npm run bench`: measures what was built beside the peers, in one run, and prints a table in Markdown for the README.
 * `--quick` measures less, to try whether it works. Progress goes to stderr.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { PID_NAMESPACE } from '../test/support/machine.ts';
import { atRest, type Samples, startToExit, swapToSignal } from './measures.ts';
import { buildVictim, MISSING, PRODUCTS, type Product, sizeOf } from './products.ts';

const quick = process.argv.includes('--quick');
const SWAPS = quick ? 10 : 100;
const STARTS = quick ? 5 : 100;
const REST_SECONDS = quick ? 2 : 20;

function progress(text: string): void {
  console.error(`bench: ${text}`);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const median = (values: readonly number[]) => quantile(values, 0.5);
const worst = (values: readonly number[]) => quantile(values, 1);

function times(value: number, reference: number | undefined): string {
  return reference === undefined || reference === 0 ? '' : `**${(value / reference).toFixed(1)} ×** `;
}

const mib = (kib: number) => `${(kib / 1024).toFixed(1)} MiB`;
const size = (bytes: number) => (bytes < 1024 ** 2 ? `${Math.round(bytes / 1024)} KiB` : mib(bytes / 1024));
const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)} ms`;

function machine(): string {
  const [cpu] = cpus();
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const debian =
    readFileSync('/etc/os-release', 'utf8').match(/^PRETTY_NAME="(.*)"/m)?.[1] ?? 'unknown system';
  return `${cpus().length} cores of ${cpu?.model.trim() || process.arch}, Linux ${kernel}, ${debian}, ${new Date().toISOString().slice(0, 10)}`;
}

async function bench(): Promise<void> {
  const victim = buildVictim();
  const swaps = new Map<string, Samples>();
  for (const product of PRODUCTS.filter((one) => one.watches !== undefined)) {
    progress(`swap to signal, ${SWAPS} times: ${product.name}`);
    swaps.set(product.name, await swapToSignal(product, victim, SWAPS));
  }
  const starters = PRODUCTS.filter((product) => product.name !== 'inotifywait + kill');
  progress(`start to exit, ${STARTS} times each`);
  const starts = await startToExit([undefined, ...starters], STARTS);
  const rests = new Map<string, Awaited<ReturnType<typeof atRest>>>();
  for (const product of PRODUCTS) {
    progress(`at rest, ${REST_SECONDS} s: ${product.name}`);
    rests.set(product.name, await atRest(product, victim, REST_SECONDS));
  }

  const tini = rests.get('tini');
  const tiniStart = starts.get('tini');
  const byHand = swaps.get('inotifywait + kill');
  const rows = PRODUCTS.map((product) => {
    const swap = swaps.get(product.name);
    const begun = starts.get(product.name);
    const rest = rests.get(product.name);
    return [
      product.name,
      swap === undefined ? '–' : cell(swap.values, byHand?.values, product.name !== 'inotifywait + kill'),
      begun === undefined ? '–' : cell(begun, tiniStart, product.name !== 'tini'),
      rest === undefined
        ? '–'
        : `${product.name === 'tini' ? '' : times(rest.rss, tini?.rss)}${mib(rest.rss)}`,
      rest === undefined ? '–' : mib(rest.anonymous),
      rest === undefined ? '–' : `${rest.threads}`,
      rest === undefined ? '–' : `${rest.activity.wakeups} / ${rest.activity.ticks * 10} ms`,
      size(sizeOf(product)),
    ];
  });
  const header = [
    '',
    'swap to signal: median (worst)',
    'start of `/bin/true` to its exit: median (worst)',
    'RSS',
    'anonymous',
    'threads',
    `wake-ups / CPU in ${REST_SECONDS} s at rest`,
    'on disk',
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  console.log([line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n'));
  console.log(
    `\n${machine()}; ${SWAPS} swaps of one volume of 3 keys${namespaceNote()}, ${STARTS} starts; ratios to`,
  );
  console.log(
    '`inotifywait` + `kill` (which reads and compares nothing) for the swap, to tini for the rest. Sums over all',
  );
  console.log(`processes but the child. A bare \`true\` takes ${ms(median(starts.get('bare') ?? []))}.`);
  if (MISSING.length > 0) console.error(`bench: left out; apt-get install -y ${MISSING.join(' ')}`);
  for (const [name, { lost, doubled }] of swaps) {
    progress(`${name}: ${lost} signals lost, ${doubled} doubled`);
    if (PRODUCTS.some((product: Product) => product.ours && product.name === name) && lost + doubled > 0)
      process.exitCode = 1;
  }
}

function namespaceNote(): string {
  return PID_NAMESPACE.prefix === undefined ? '' : ', as PID 1';
}

function cell(values: readonly number[], reference: readonly number[] | undefined, ratio: boolean): string {
  const first = ratio && reference !== undefined ? times(median(values), median(reference)) : '';
  return `${first}${ms(median(values))} (${ms(worst(values))})`;
}

await bench();
