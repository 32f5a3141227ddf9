/**
 * `npm run bench:peers`: what programs that watch a mounted volume do over the same writes, made by Kubernetes' own AtomicWriter, as a
 * table in Markdown for docs/measured.md. What this machine lacks keeps its line. Words choose among them; `--quick` measures hardly
 * anything, to try whether it works. Progress goes to stderr.
 */
import { statSync } from 'node:fs';
import { compiled } from '../products.ts';
import { median } from '../table.ts';
import { programs } from './programs.ts';
import { type Behaviour, behaviourOf, type Extent } from './swaps.ts';
import { watchers } from './watchers.ts';

const QUICK: Extent = { swaps: 3, same: 2, pace: 200, restSeconds: 1, late: 1_000 };
const WHOLE: Extent = { swaps: 100, same: 20, pace: 200, restSeconds: 20, late: 12_000 };

const extent = process.argv.includes('--quick') ? QUICK : WHOLE;
const chosen = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const tell = (line: string) => console.error(`bench: ${line}`);
const row = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);

const COLUMNS = [
  'who',
  'on disk',
  'RSS at rest',
  `wake-ups, CPU in ${extent.restSeconds} s at rest`,
  'told',
  'missed',
  'for nothing',
  'torn',
  'swap to told: median',
  '95th',
  `CPU for ${extent.swaps} swaps`,
  `same content told, of ${extent.same}`,
];

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

function cells(files: readonly string[], behaviour: Behaviour): readonly string[] {
  const { told, missed, last, extra, torn, times, cpu, same, rest } = behaviour;
  const sorted = [...times].sort((one, other) => one - other);
  const late = sorted[Math.floor(sorted.length * 0.95)];
  const time = (value: number | undefined) => (value === undefined ? '–' : milliseconds(value));
  return [
    mebibytes(files.reduce((sum, file) => sum + statSync(file).size, 0)),
    mebibytes(rest.rss * 1_024),
    `${rest.activity.wakeups}, ${milliseconds(rest.cpu)}`,
    String(told),
    last ? String(missed) : `${missed}, the last one too`,
    ...[extra, torn].map(String),
    time(median(times)),
    time(late),
    milliseconds(cpu),
    String(same),
  ];
}

const isChosen = (name: string) => chosen.length === 0 || chosen.includes(name);
const built = await programs((name) => name === 'atomic-writer' || isChosen(name), tell);
const victim = compiled('victim');
const writer = built.get('atomic-writer');
if (writer === undefined || 'lacking' in writer)
  throw new Error(`bench: Kubernetes' writer can't be built: ${writer?.lacking}`);
row(COLUMNS);
row(COLUMNS.map(() => '---'));
for (const watcher of watchers(built)) {
  const { name, files, lacking } = watcher;
  if (!isChosen(name)) continue;
  if (!isThere(files)) {
    tell(`left out: ${name}; ${lacking ?? 'npm run build'}`);
    row([`${name} (left out: ${lacking ?? 'npm run build'})`, ...COLUMNS.slice(1).map(() => '–')]);
    continue;
  }
  tell(`${extent.swaps} swaps, and ${extent.same} to the same content: ${name}`);
  row([name, ...cells(files, await behaviourOf(watcher, { writer: writer.file, victim }, extent))]);
}
process.exit(0);

function isThere([file]: readonly string[]): boolean {
  return file !== undefined && statSync(file, { throwIfNoEntry: false }) !== undefined;
}
