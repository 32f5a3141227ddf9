import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
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

const LEVELS = new Map([
  [30, 'INFO'],
  [40, 'WARN'],
  [50, 'ERROR'],
]);

/** Lines without what differs from run to run: where the test keeps its files, and process ids. */
function comparable(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.replaceAll(directory.path, '').replaceAll(/child \d+/g, 'child N'));
}

/** What a rehup has logged after so many lines. */
function logged(run: Rehup, from = 0): readonly string[] {
  const lines = run.log().map(({ level, event, msg }) => `${LEVELS.get(level)} ${event}: ${msg}`);
  return comparable(lines.slice(from));
}

/** Finds mistakes in its settings, and dies of those that it does not find. */
const APPLICATION = `
[ "$1" = --check ] && { grep -q mistake "$2/settings" && exit 1; exit 0; }
grep -q deadly "$2/settings" && exit 3
trap 'exit 0' TERM
echo "start $(cat "$2/settings")"
while :; do sleep 0.05; done`;

needing(PID_NAMESPACE)('a bad configuration is rolled out as docs/operations.md says', async () => {
  const [line = ''] = blocks(OPERATIONS, 'sh');
  const [, ...words] = line.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", '')) ?? [];
  const steps = blocks(OPERATIONS, 'log').map((block) => comparable(block.split('\n')));
  script(here('app'), APPLICATION);
  const volume = writtenVolume(here('etc/app'), { settings: 'good 1' });
  const pod = (emptyDir: string) => {
    mkdirSync(here(emptyDir), { recursive: true });
    const moved = words.map((word) =>
      word.replaceAll('/etc/', here('etc/')).replaceAll('/run/', `${here(emptyDir)}/`),
    );
    return rehup([...QUICK, ...moved], { environment: { PATH: `${directory.path}:${process.env['PATH']}` } });
  };

  const first = pod('run');
  await first.said('start good 1');
  await first.logged('child.started');
  expect(logged(first)).toEqual(steps[0]);

  volume.write({ settings: 'mistake 2' });
  await first.logged('rehup.degraded');
  expect(logged(first, 1)).toEqual(steps[1]);

  // The container is killed.
  await first.dispose();
  const anew = pod('run');
  await anew.said('start good 1');
  await anew.logged('child.started');
  expect(logged(anew)).toEqual(steps[2]);

  const other = pod('run-of-another-pod');
  expect(await other.ended).toBe(125);
  expect(other.errors().trim().split('\n')).toEqual(steps[3]);

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
