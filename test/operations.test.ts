import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { blocks, OPERATIONS } from './support/documents.ts';
import { PID_NAMESPACE } from './support/machine.ts';
import { needing } from './support/needing.ts';
import { script } from './support/processes.ts';
import { type Rehup, rehup } from './support/rehup.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from './support/volume.ts';

/** The roll-out of a bad configuration that docs/operations.md tells, led for real: each pod logs what is written there. */

const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

// An application must be up, or dead of its content, within the verify time, on a slow machine too.
const QUICK = [...AT_ONCE, '--verify', '1500ms'];

/** Lines without what differs from run to run: where the test keeps its files, and process ids. */
function comparable(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.replaceAll(directory.path, '').replaceAll(/child \d+/g, 'child N'));
}

/** What a rehup has logged after so many lines. */
function logged(run: Rehup, from = 0): readonly string[] {
  // Whether a reload has to wait for the verdict on a start depends on the pace of this test.
  const told = run
    .log()
    .slice(from)
    .filter(({ event }) => event !== 'reload.held');
  const lines = told.map(({ level, event, msg }) => `${String(level).toUpperCase()} ${event}: ${msg}`);
  return comparable(lines);
}

/** Finds mistakes in its settings, and dies of those that it does not find. */
const APPLICATION = `
[ "$1" = --check ] && { grep -q mistake "$2/settings" && exit 1; exit 0; }
grep -q deadly "$2/settings" && exit 3
trap 'exit 0' TERM
echo "start $(cat "$2/settings")"
while :; do sleep 0.05; done`;

/** A pod with these words, whose paths lie below the test's directory; what it stages is in a directory of its own. */
function pod(words: readonly string[], emptyDir: string): Rehup {
  mkdirSync(here(emptyDir), { recursive: true });
  const moved = words.map((word) =>
    word.replaceAll(/\/(etc|run)\//g, (_, top) => `${here(top === 'run' ? emptyDir : top)}/`),
  );
  return rehup([...QUICK, ...moved], { environment: { PATH: `${directory.path}:${process.env['PATH']}` } });
}

needing(PID_NAMESPACE)('a bad configuration is rolled out as docs/operations.md says', async () => {
  const [line = ''] = blocks(OPERATIONS, 'sh');
  const [, ...words] = line.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", '')) ?? [];
  const steps = blocks(OPERATIONS, 'log').map((block) => comparable(block.split('\n')));
  script(here('app'), APPLICATION);
  const volume = writtenVolume(here('etc/app'), { settings: 'good 1' });

  const first = pod(words, 'run');
  await first.said('start good 1');
  await first.logged('child.started');
  expect(logged(first)).toEqual(steps[0]);

  volume.write({ settings: 'mistake 2' });
  await first.logged('rehup.degraded');
  expect(logged(first, 1)).toEqual(steps[1]);

  // The container is killed.
  await first.dispose();
  const anew = pod(words, 'run');
  await anew.said('start good 1');
  await anew.logged('child.started');
  expect(logged(anew)).toEqual(steps[2]);

  const other = pod(words, 'run-of-another-pod');
  expect(await other.ended).toBe(125);
  expect([...logged(other), ...other.plain()]).toEqual(steps[3]);

  let from = anew.log().length;
  volume.write({ settings: 'good 3' });
  await anew.logged('rehup.recovered');
  expect(logged(anew, from)).toEqual(steps[4]);

  from = anew.log().length;
  volume.write({ settings: 'deadly 4' });
  await anew.logged('rehup.degraded', 2);
  expect(logged(anew, from)).toEqual(steps[5]);

  from = anew.log().length;
  volume.write({ settings: 'good 3' });
  await anew.logged('rehup.recovered', 2);
  expect(logged(anew, from)).toEqual(steps[6]);

  expect(steps).toHaveLength(7);
  expect(anew.output).toEqual(['start good 1', 'start good 3', 'start good 3']);
});

const CHECK = ['--check', 'app --check {dir}'];
const STAGE = ['--stage', '/etc/app=/run/app'];

/** The rows of the table: the options, the content, and what it meets: an event that is logged, or the code of the end. */
const ROWS: Readonly<
  Record<
    string,
    {
      readonly options: readonly string[];
      readonly content: string;
      readonly meets: readonly (string | number)[];
    }
  >
> = {
  'no check, no stage': { options: ['-w', '/etc/app'], content: 'deadly 2', meets: ['reload.failed', 3, 3] },
  '`--check`, which finds it': {
    options: ['-w', '/etc/app', ...CHECK],
    content: 'mistake 2',
    meets: ['reload.rejected', 125, 125],
  },
  '`--check`, which does not': {
    options: ['-w', '/etc/app', ...CHECK],
    content: 'deadly 2',
    meets: ['reload.failed', 3, 3],
  },
  '`--stage`, and the application dies of it or is not ready': {
    options: STAGE,
    content: 'deadly 2',
    meets: ['reload.rolled_back', 'start.degraded', 3],
  },
  'both, and the check finds it': {
    options: [...STAGE, ...CHECK],
    content: 'mistake 2',
    meets: ['reload.rejected', 'start.degraded', 125],
  },
};

describe('bad content meets what the table of docs/operations.md says', () => {
  const rows = new Map(
    [...OPERATIONS.slice(OPERATIONS.indexOf('| Bad content meets |')).matchAll(/^\| (.*?) \| (.*) \|$/gm)]
      .map(([, name = '', cells = '']) => [name, cells.split(' | ')] as const)
      .slice(2, 2 + Object.keys(ROWS).length),
  );

  test('and each row is known here', () => {
    expect([...rows.keys()]).toEqual(Object.keys(ROWS));
  });

  for (const [name, { options, content, meets }] of Object.entries(ROWS)) {
    needing(PID_NAMESPACE)(`with ${name}`, async () => {
      script(here('app'), APPLICATION);
      const volume = writtenVolume(here('etc/app'), { settings: 'good 1' });
      const reads = options.includes('--stage') ? '/run/app' : '/etc/app';
      const words = [...options, 'app', '--config', reads];
      const running = pod(words, 'run');
      await running.said('start good 1');
      await running.logged('child.started');
      volume.write({ settings: content });
      await ends(running, meets[0]);
      await running.dispose();
      await ends(pod(words, 'run'), meets[1]);
      await ends(pod(words, 'run-of-another-pod'), meets[2]);
      for (const [index, cell] of rows.get(name)?.entries() ?? []) {
        const told = meets[index];
        const saying = /`(?:reload|start)\.[a-z_]+`|\b125\b/.exec(cell)?.[0].replaceAll('`', '');
        expect([undefined, `${told}`]).toContain(saying);
      }
    });
  }
});

/** Waits until a rehup has logged an event, or has ended with a code. */
async function ends(run: Rehup, what: string | number | undefined): Promise<void> {
  if (typeof what === 'string') await run.logged(what);
  else expect(await run.ended).toBe(what);
}
