import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test as plain } from 'vitest';
import { type Measured, table } from '../bench/table.ts';
import { judged } from '../bench/watchers/swaps.ts';
import { needing } from './support/needing.ts';
import { VICTIMS_IN_C } from './support/victims.ts';

/** The table of `npm run bench`: the same shape whatever the machine has, and a number in each cell that has one. */

const test = needing(VICTIMS_IN_C);

const ROOT = join(import.meta.dirname, '..');

const PRODUCTS = [
  'rehup',
  'rehup-node',
  'tini',
  'tini-static',
  'dumb-init',
  'catatonit',
  's6-svscan',
  'supervisord',
  'inotifywait + kill',
];

const COLUMNS = 14;

function cellsOf(line: string): readonly string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

describe('the bench', () => {
  test('prints one table of all products and columns, without a gap', () => {
    const { stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'bench/run.ts'), '--quick'], {
      encoding: 'utf8',
    });
    const lines = stdout.split('\n').filter((line) => line.startsWith('|'));
    const [header = [], rule = [], ...rows] = lines.map(cellsOf);
    expect(
      rows.map(([name = '']) => name.replace(/ \(left out: .*/, '')),
      stderr,
    ).toEqual(PRODUCTS);
    for (const cells of [header, rule, ...rows]) expect(cells).toHaveLength(COLUMNS);
    for (const cell of rows.flat()) expect(cell).toMatch(/^–$|\d|^[a-z]/);
    expect(stdout).not.toMatch(/NaN|undefined|Infinity/);
    for (const [name = '', ...cells] of rows) {
      // Who does not watch has no swaps, who stays no exit; all else must be there.
      const empty = cells.filter((cell) => cell === '–').length;
      if (!name.includes('left out')) expect([name, empty <= 5]).toEqual([name, true]);
    }
  });
});

const COST = { rss: 2_048, pss: 1_024, anonymous: 512, threads: 1, activity: { wakeups: 3, ticks: 2 } };

const measured = (name: string, factor: number): Measured => ({
  name,
  starts: { start: [1, 2, 9].map((value) => value * factor), exit: [factor] },
  rest: COST,
  size: 2_048 * factor,
});

describe('a table', () => {
  plain('has the ratio to tini, the median and the worst in a cell', () => {
    const text = table([measured('ours', 3), measured('tini', 1)], { volumes: [1], restSeconds: 20 });
    const [, , first = '', second = ''] = text.split('\n');
    expect(cellsOf(first).slice(0, 4)).toEqual([
      'ours',
      '**3.0 ×** 6.00 ms (27.0 ms)',
      '**3.0 ×** 3.00 ms (3.00 ms)',
      '–',
    ]);
    expect(cellsOf(second).slice(0, 4)).toEqual(['tini', '2.00 ms (9.00 ms)', '1.00 ms (1.00 ms)', '–']);
    expect(cellsOf(first).slice(-3)).toEqual(['1', '3 / 20 ms', '**3.0 ×** 6 KiB']);
  });

  plain('keeps the line of a product that is not there, with what brings it', () => {
    const text = table([{ name: 's6', leftOut: 'apt-get install -y s6' }], {
      volumes: [1, 100],
      restSeconds: 20,
    });
    const [header = '', , line = ''] = text.split('\n');
    expect(cellsOf(line)[0]).toBe('s6 (left out: `apt-get install -y s6`)');
    expect(cellsOf(line)).toHaveLength(cellsOf(header).length);
    expect(
      cellsOf(line)
        .slice(1)
        .every((cell) => cell === '–'),
    ).toBe(true);
  });
});

describe('what an application was told over swaps', () => {
  const swapped = [10e6, 20e6, 30e6];
  const told = (at: number, ...keys: readonly string[]) => ({ at: at * 1e6, keys });

  plain('is right when it is told once of each, as late as it is', () => {
    const each = [told(11, '1', '1'), told(22, '2', '2'), told(33, '3', '3')];
    expect(judged(each, swapped)).toEqual({
      told: 3,
      missed: 0,
      last: true,
      extra: 0,
      torn: 0,
      times: [1, 2, 3],
    });
  });

  plain('has what it was never told of, told for nothing, and while its keys did not agree', () => {
    const each = [told(11, '0', '1'), told(12, '1', '1'), told(13, '1', '1'), told(34, '3', '3')];
    expect(judged(each, swapped)).toEqual({
      told: 4,
      missed: 1,
      last: true,
      extra: 2,
      torn: 1,
      times: [2, 4],
    });
  });
});
