/**
 * `npm run bench:watching`: what watching costs, beside inotifywait and a shell that looks every second, as a table in
 * Markdown. `--quick` measures less, to try whether it works. Progress goes to stderr.
 */
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVolume } from '../test/support/kubelet.ts';
import { PRODUCTS } from './products.ts';
import { activityOf, costOf, cpuOf, type Running, start } from './running.ts';

const quick = process.argv.includes('--quick');
const REST_SECONDS = quick ? 3 : 60;
const MANY = quick ? [1, 10] : [1, 100, 1_000];
const KEYS = 20;
const MIB = 2 ** 20;
const SIZES = quick ? [1, 20] : [1, 200];

const root = mkdtempSync(join(tmpdir(), 'rehup-bench-'));
const ours = PRODUCTS.filter(({ ours: own, name }) => own && name !== 'rehup-arm64');
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const row = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);

function volumes(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const path = join(root, `of-${count}`, `${index}`);
    const keys = Array.from({ length: KEYS }, (_, key) => [`key-${key}`, 'x'.repeat(100)]);
    createVolume(path).write(Object.fromEntries(keys));
    return path;
  });
}

function watches(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => ['-w', path]);
}

/** The child tells that all was taken in, since it is started only then. */
const CHILD = ['sh', '-c', 'echo started; exec sleep 100000'];

const BY_HAND: Readonly<Record<string, (paths: readonly string[]) => readonly string[]>> = {
  inotifywait: (paths) => [
    'sh',
    '-c',
    'echo started; exec inotifywait -q -m -e moved_to "$@"',
    'sh',
    ...paths,
  ],
  'shell, each second': (paths) => [
    'sh',
    '-c',
    'echo started; while :; do for d; do readlink "$d/..data"; done >/dev/null; sleep 1; done',
    'sh',
    ...paths,
  ],
};

async function measured(words: readonly string[], use: (run: Running) => Promise<void>): Promise<void> {
  const run = start(words);
  try {
    await run.said(1);
    await use(run);
  } finally {
    await run.stop();
  }
}

/** Wake-ups and CPU of a command while nothing changes. */
async function atRest(name: string, words: readonly string[], count: number): Promise<void> {
  await measured(words, async (run) => {
    await wait(3_000);
    // What a shell starts is gone again at once, and its cost is not counted here.
    const pids = [run.pid];
    const before = activityOf(pids);
    await wait(REST_SECONDS * 1_000);
    const after = activityOf(pids);
    const perMinute = ((after.wakeups - before.wakeups) * 60) / REST_SECONDS;
    const cost = costOf(pids);
    const cpu = ((after.ticks - before.ticks) * 10 * 60) / REST_SECONDS;
    row([
      name,
      `${count}`,
      perMinute.toFixed(0),
      `${cpu.toFixed(0)} ms`,
      `${(cost.rss / 1024).toFixed(1)} MiB`,
      `${cost.threads}`,
    ]);
  });
}

console.log(`At rest, ${REST_SECONDS} s, with the default poll of 10 s:\n`);
row(['', 'volumes', 'wake-ups / min', 'CPU / min', 'RSS', 'threads']);
row(Array.from({ length: 6 }, () => '---'));
for (const count of MANY.slice(0, 2)) {
  const paths = volumes(count);
  const all: [string, readonly string[]][] = [
    ...ours.map(({ name, wraps }): [string, readonly string[]] => [
      name,
      [...wraps([]).slice(0, -1), ...watches(paths), '--', ...CHILD],
    ]),
    ...Object.entries(BY_HAND).map(([name, words]): [string, readonly string[]] => [name, words(paths)]),
  ];
  // At the same time: each has its own processes, and none does much.
  await Promise.all(all.map(([name, words]) => atRest(name, words, count)));
}

console.log(`\nFrom exec to a child that was started, with volumes of ${KEYS} files:\n`);
row(['', ...MANY.map((count) => `${count} volumes`)]);
row(['---', ...MANY.map(() => '---')]);
for (const { name, wraps } of ours) {
  const times: string[] = [];
  for (const count of MANY) {
    const paths = volumes(count);
    const began = performance.now();
    await measured([...wraps([]).slice(0, -1), ...watches(paths), '--', ...CHILD], async () => {
      times.push(`${(performance.now() - began).toFixed(0)} ms`);
    });
  }
  row([name, ...times]);
}

console.log('\nOne file on a disk that is read once before, kept in the page cache:\n');
row(['', 'file', 'to the child', 'digest rate', 'most memory (VmHWM)']);
row(Array.from({ length: 5 }, () => '---'));
for (const size of SIZES) {
  const directory = join(root, `big-${size}`);
  mkdirSync(directory);
  const file = openSync(join(directory, 'file'), 'w');
  for (let written = 0; written < size; written++) writeSync(file, Buffer.alloc(MIB, written));
  closeSync(file);
  // A plain file is read twice before the child is started.
  for (const { name, wraps } of ours) {
    const began = performance.now();
    await measured([...wraps([]).slice(0, -1), '-w', directory, '--', ...CHILD], async (run) => {
      const took = performance.now() - began;
      const most = Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${run.pid}/status`, 'utf8'))?.[1]);
      row([
        name,
        `${size} MiB`,
        `${took.toFixed(0)} ms`,
        `${((2 * size * 1_000) / took).toFixed(0)} MiB/s`,
        `${(most / 1024).toFixed(1)} MiB`,
      ]);
    });
  }
}
/** What is written beside what counts, 200 times a second. */
const NOISE: Readonly<
  Record<
    string,
    {
      readonly prepare: (place: string) => void;
      readonly words: (place: string) => readonly string[];
      readonly write: (place: string, nth: number) => void;
    }
  >
> = {
  "20 files of 50 kB and a log under `--ignore '*.log'`": {
    prepare(place) {
      for (let index = 0; index < 20; index++) writeFileSync(join(place, `${index}`), 'x'.repeat(50_000));
    },
    words: (place) => ['-w', place, '--ignore', '*.log'],
    write: (place) => appendFileSync(join(place, 'a.log'), 'a line\n'),
  },
  "20,000 files under `--ignore 'cache/**'`": {
    prepare(place) {
      mkdirSync(join(place, 'cache'));
      for (let index = 0; index < 20_000; index++) writeFileSync(join(place, 'cache', `${index}`), '');
    },
    words: (place) => ['-w', place, '--ignore', 'cache/**'],
    write: (place, nth) => writeFileSync(join(place, 'cache', `${nth % 20_000}`), 'x'),
  },
  'a busy neighbour of a watched file': {
    prepare: (place) => writeFileSync(join(place, 'file'), ''),
    words: (place) => ['-w', join(place, 'file')],
    write: (place) => appendFileSync(join(place, 'neighbour'), 'a line\n'),
  },
};

const NOISE_SECONDS = quick ? 1 : 20;
const NOISE_PERIOD = 5;

console.log('\nCPU of one core for what does not count, 200 times a second:\n');
row(['', ...Object.keys(NOISE)]);
row(['---', ...Object.keys(NOISE).map(() => '---')]);
for (const { name, wraps } of ours) {
  const shares: string[] = [];
  for (const [index, { prepare, words, write }] of Object.values(NOISE).entries()) {
    const place = join(root, `noise-${name}-${index}`);
    mkdirSync(place);
    prepare(place);
    await measured([...wraps([]).slice(0, -1), ...words(place), '--', ...CHILD], async (run) => {
      // What is younger than 2 s is read again, and what is read is confirmed.
      await wait(3_500);
      const before = cpuOf([run.pid]);
      const began = performance.now();
      for (let nth = 0; performance.now() - began < NOISE_SECONDS * 1_000; nth++) {
        write(place, nth);
        await wait(Math.max(0, began + (nth + 1) * NOISE_PERIOD - performance.now()));
      }
      const share = (cpuOf([run.pid]) - before) / (performance.now() - began);
      shares.push(`${(100 * share).toFixed(2)} %`);
    });
  }
  row([name, ...shares]);
}
rmSync(root, { recursive: true });
