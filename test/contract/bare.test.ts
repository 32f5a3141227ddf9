import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect } from 'vitest';
import { NOBODY, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { IS_NODE, REHUP_BIN, rehup } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** What an image, or who starts rehup, may leave out. */

const test = needing(PID_NAMESPACE);
/** Mounts over what all see. */
const mounting = needing(NOBODY);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

beforeEach(() => {
  mkdirSync(here('watched'));
  writeFileSync(here('watched/file'), 'one');
});

const among = (mount: string) => ({
  prefix: [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', `${mount} && exec "$@"`, 'sh'],
});

test('without /proc a stage, a check and a change work', async () => {
  const volume = writtenVolume(here('volume'), { key: 'one' });
  const stage = ['--stage', `${here('volume')}=${here('target')}`, '--check', 'grep -q . {dir}/key'];
  const child = `trap 'cat ${here('target/key')}; echo; exit 3' HUP; echo start; while :; do sleep 0.02; done`;
  const words = [...stage, '--on-change', 'HUP', '--settle', '0', ...AT_ONCE, 'sh', '-c', child];
  const run = rehup(words, among('mount -t tmpfs none /proc'));
  await run.said('start');
  volume.write({ key: 'two' });
  await run.said('two');
  expect(await run.ended).toBe(3);
});

mounting('without /dev/null a check reads nothing from its stdin', async () => {
  mkdirSync(here('dev'));
  const check = `sh -c "cat > ${here('read')}; echo end >> ${here('read')}"`;
  const words = ['-w', here('watched'), '--check', check, 'sh', '-c', 'exit 3'];
  const run = rehup(words, among(`mount --bind '${here('dev')}' /dev`));
  // Node itself opens it where descriptors 0 to 2 are closed, which they are not here.
  expect(await run.ended).toBe(3);
  expect(readFileSync(here('read'), 'utf8')).toBe('end\n');
});

test.each([
  ['0<&-', 6],
  ['1>&-', 5],
  ['2>&-', 3],
  ['0<&- 1>&- 2>&-', 0],
])('with %s nothing of rehup takes the place of what was not given', (closed, given) => {
  const look = (number: number) => `[ -e /proc/self/fd/${number} ] && open=$((open + ${1 << number}))`;
  const report = `open=64; ${[0, 1, 2].map(look).join('; ')}; exit $open`;
  const words = ['-w', here('watched'), '--check', 'true', 'sh', '-c', report];
  const { status } = spawnSync('sh', ['-c', `exec "$@" ${closed}`, 'sh', REHUP_BIN, ...words]);
  // Node opens /dev/null where there is nothing.
  expect(status).toBe(64 + (IS_NODE ? 7 : given));
});

test('with few descriptors it runs, or one line says that the limit is too low', () => {
  const outcomes = new Set<number | null>();
  for (
    let limit = IS_NODE ? 24 : REHUP_BIN.endsWith('-asan') ? 8 : 3;
    limit <= 40;
    limit += IS_NODE ? 4 : 1
  ) {
    const options = ['--stage', `${here('watched')}=${here('target')}`, '--check', 'true'];
    const words = [`--nofile=${limit}:${limit}`, '--', REHUP_BIN, ...options, 'sh', '-c', 'exit 3'];
    const { status, stderr } = spawnSync('prlimit', words, { encoding: 'utf8' });
    outcomes.add(status);
    if (status === 3) continue;
    expect({ limit, status }).toEqual({ limit, status: 125 });
    expect(stderr.trim().split('\n').at(-1)).toMatch(
      /^rehup: .*EMFILE.*; raise the limit of open files \(ulimit -n\)/,
    );
  }
  expect(outcomes).toContain(3);
});
