import type { Samples, Starts } from './measures.ts';
import type { Activity, Cost } from './running.ts';

/** All that was measured of one product; what is undefined does not apply to it. */
export type Measured = {
  readonly name: string;
  /** How to get it, where this machine does not have it; then nothing else is there. */
  readonly leftOut?: string;
  readonly starts?: Starts;
  readonly rest?: Cost & { readonly activity: Activity };
  /** For each number of volumes. */
  readonly swaps?: readonly Samples[];
  /** Orphans a second, a run each. */
  readonly reaped?: readonly number[];
  /** Bytes. */
  readonly size?: number;
};

/** What the ratios of a column are to. */
const INIT = 'tini';
const WATCHER = 'inotifywait + kill';

type Column = {
  readonly title: string;
  readonly reference: string | undefined;
  /** What a ratio is made of. */
  readonly number: (measured: Measured) => number | undefined;
  readonly text: (measured: Measured) => string;
};

function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export const median = (values: readonly number[] = []): number | undefined => quantile(values, 0.5);

export const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
const mebibytes = (kibibytes: number): string => `${(kibibytes / 1024).toFixed(1)} MiB`;

function times(values: readonly number[] = []): string {
  const worst = quantile(values, 1);
  const middle = median(values);
  return middle === undefined || worst === undefined
    ? NONE
    : `${milliseconds(middle)} (${milliseconds(worst)})`;
}

const NONE = '–';

function columns(volumes: readonly number[], restSeconds: number): readonly Column[] {
  const swaps = volumes.map(
    (count, index): Column => ({
      title: `swap to signal, ${count} volume${count === 1 ? '' : 's'}`,
      reference: WATCHER,
      number: ({ swaps: all }) => median(all?.[index]?.values),
      text: ({ swaps: all }) => times(all?.[index]?.values),
    }),
  );
  const cpu: Column = {
    title: 'CPU a swap, 1 volume',
    reference: undefined,
    number: ({ swaps: all }) => all?.[0]?.cpu,
    text: ({ swaps: all }) => (all?.[0] === undefined ? NONE : milliseconds(all[0].cpu)),
  };
  return [
    {
      title: 'start of a child',
      reference: INIT,
      number: ({ starts }) => median(starts?.start),
      text: ({ starts }) => times(starts?.start),
    },
    {
      title: 'exit after it',
      reference: INIT,
      number: ({ starts }) => median(starts?.exit),
      text: ({ starts }) => times(starts?.exit),
    },
    ...swaps,
    cpu,
    {
      title: 'orphans reaped per second: median (least)',
      reference: INIT,
      number: ({ reaped }) => median(reaped),
      text: ({ reaped = [] }) => {
        const middle = median(reaped);
        return middle === undefined ? NONE : `${Math.round(middle)} (${Math.round(Math.min(...reaped))})`;
      },
    },
    {
      title: 'RSS',
      reference: INIT,
      number: ({ rest }) => rest?.rss,
      text: ({ rest }) => (rest === undefined ? NONE : mebibytes(rest.rss)),
    },
    {
      title: 'PSS',
      reference: INIT,
      number: ({ rest }) => rest?.pss,
      text: ({ rest }) => (rest === undefined ? NONE : mebibytes(rest.pss)),
    },
    {
      title: 'anonymous',
      reference: undefined,
      number: ({ rest }) => rest?.anonymous,
      text: ({ rest }) => (rest === undefined ? NONE : mebibytes(rest.anonymous)),
    },
    {
      title: 'threads',
      reference: undefined,
      number: ({ rest }) => rest?.threads,
      text: ({ rest }) => (rest === undefined ? NONE : `${rest.threads}`),
    },
    {
      title: `wake-ups / CPU in ${restSeconds} s at rest`,
      reference: undefined,
      number: ({ rest }) => rest?.activity.wakeups,
      text: ({ rest }) =>
        rest === undefined ? NONE : `${rest.activity.wakeups} / ${rest.activity.ticks * 10} ms`,
    },
    {
      title: 'on disk',
      reference: INIT,
      number: ({ size }) => size,
      text: ({ size }) =>
        size === undefined
          ? NONE
          : size < 2 ** 20
            ? `${Math.round(size / 1024)} KiB`
            : mebibytes(size / 1024),
    },
  ];
}

/** The table in Markdown: a line a product, whether it could be measured or not, and in each cell its ratio first. */
export function table(
  all: readonly Measured[],
  { volumes, restSeconds }: { readonly volumes: readonly number[]; readonly restSeconds: number },
): string {
  const wanted = columns(volumes, restSeconds);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rows = all.map((measured) =>
    line([name(measured), ...wanted.map((column) => ratio(column, measured, all) + column.text(measured))]),
  );
  const header = ['median (worst)', ...wanted.map(({ title }) => title)];
  return [line(header), line(header.map(() => '---')), ...rows].join('\n');
}

function name({ name: text, leftOut }: Measured): string {
  return leftOut === undefined ? text : `${text} (left out: \`${leftOut}\`)`;
}

function ratio({ reference, number }: Column, measured: Measured, all: readonly Measured[]): string {
  const of = all.find((other) => other.name === reference);
  const base = of === undefined || of === measured ? undefined : number(of);
  const value = number(measured);
  if (value === undefined || base === undefined || base === 0) return '';
  const share = value / base;
  return `**${share.toFixed(share < 10 ? 1 : 0)} ×** `;
}
