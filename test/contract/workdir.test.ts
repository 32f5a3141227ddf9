import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect } from 'vitest';
import { NOBODY } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { rehup } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory } from '../support/volume.ts';

/** A working directory that the user may not enter (WORKDIR of root's, mode 0700, and `runAsUser: 1000`). */

const test = needing(NOBODY);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

/** Who starts is in the directory already, and becomes another user then, as a runtime does. */
const inside = (way: string) => ({
  prefix: ['sh', '-c', `cd '${here(way)}' && exec "$@"`, 'sh', ...(NOBODY.prefix ?? [])],
});

beforeEach(() => {
  chmodSync(directory.path, 0o755);
  mkdirSync(here('closed'), { mode: 0o700 });
  mkdirSync(here('parent/below'), { recursive: true });
  chmodSync(here('parent'), 0o700);
  mkdirSync(here('watched'), { mode: 0o755 });
  writeFileSync(here('watched/file'), 'one');
});

describe.each(['closed', 'parent/below'])('in %s', (way) => {
  test('the child runs there, as it would without rehup, and after a restart too', async () => {
    const run = rehup(
      ['-w', here('watched'), ...AT_ONCE, 'sh', '-c', 'readlink /proc/self/cwd; sleep 60 & wait'],
      inside(way),
    );
    await run.said(here(way));
    writeFileSync(here('watched/file'), 'two');
    await run.said(here(way), 2);
  });

  test('a check runs, and a path that is relative can not be read, which is told by its whole name', async () => {
    const checked = rehup(['-w', here('watched'), '--check', 'true', 'sh', '-c', 'exit 3'], inside(way));
    expect(await checked.ended).toBe(3);
    const relative = rehup(['-w', 'watched', 'true'], inside(way));
    expect(await relative.ended).toBe(125);
    expect(relative.errors()).toMatch(`rehup: --watch ${here(way)}/watched`);
  });
});

test('where even its name can not be told a relative path is bad usage, and an absolute one works', async () => {
  const gone = {
    prefix: [
      'sh',
      '-c',
      `mkdir '${here('gone')}' && cd '${here('gone')}' && rmdir '${here('gone')}' && exec "$@"`,
      'sh',
    ],
  };
  const relative = rehup(['-w', 'watched', 'true'], gone);
  expect(await relative.ended).toBe(125);
  expect(relative.errors()).toMatch(
    /^rehup: --watch watched: the working directory is gone; use an absolute path$/m,
  );
  const absolute = rehup(['-w', here('watched'), 'sh', '-c', 'exit 3'], gone);
  expect(await absolute.ended).toBe(3);
});
