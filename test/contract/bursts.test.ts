import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import type { Volume } from '../support/kubelet.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { IS_NODE, type Rehup, rehup } from '../support/rehup.ts';
import { expectRest } from '../support/rest.ts';
import { AT_ONCE, count, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/**
 * Specification 4.3 and 4.4 on the built executable: bursts of generations, after each of which the last content is
 * applied by events alone, with no more reloads than contents. `npm run soak` makes more and longer ones, side by side.
 */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

const SOAK = process.env['REHUP_SOAK'] === '1';
/** Bursts over all numbers of volumes and settle times. */
const BURSTS = SOAK ? 1_000 : 20;
const DISTANCE = SOAK ? 500 : 50;
const SETTLES = SOAK ? ['0', 'auto'] : ['0'];
const VOLUMES = [1, 3, 30];
const GENERATIONS = 20;

const random = (most: number) => Math.floor(Math.random() * (most + 1));
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

type Watching = { readonly run: Rehup; readonly volumes: readonly Volume[] };

async function watching(name: string, howMany: number, settle: string): Promise<Watching> {
  const volumes = Array.from({ length: howMany }, (_, index) =>
    writtenVolume(resolve(directory.path, name, `${index}`), { a: '0', b: 'x' }),
  );
  const watches = volumes.flatMap(({ path }) => ['-w', path]);
  const options = [...watches, '--on-change', 'HUP', '--settle', settle, ...AT_ONCE];
  const reader = join(import.meta.dirname, '../victims/reader.mjs');
  const files = volumes.map(({ path }) => join(path, 'a'));
  const run = rehup([...options, process.execPath, reader, ...files]);
  await run.said('start');
  await run.logged('child.started');
  return { run, volumes };
}

/** One burst; answers the milliseconds from the last swap to the line of the child that was told of the last content. */
async function burst({ run, volumes }: Watching, contents: string[], next: () => number): Promise<number> {
  const generations = 1 + random(GENERATIONS - 1);
  for (let generation = 0; generation < generations; generation++) {
    if (generation > 0) await pause(random(DISTANCE));
    const index = random(volumes.length - 1);
    contents[index] = `${next()}`;
    volumes[index]?.write({ a: contents[index], b: 'x' });
  }
  const rest = performance.now();
  await run.said(`SIGHUP ${contents.join(' ')}`);
  return performance.now() - rest;
}

test(`${BURSTS} bursts, several supervisors side by side: the last content of each is told`, {
  timeout: 3_600_000,
}, async () => {
  const kinds = SETTLES.flatMap((settle) => VOLUMES.map((howMany) => ({ settle, howMany })));
  await Promise.all(kinds.map((kind) => many(kind, Math.ceil(BURSTS / kinds.length))));
});

async function many({ settle, howMany }: { settle: string; howMany: number }, bursts: number): Promise<void> {
  const self = await watching(`${settle}-${howMany}`, howMany, settle);
  const contents = self.volumes.map(() => '0');
  let written = 0;
  const times: number[] = [];
  for (let index = 0; index < bursts; index++) times.push(await burst(self, contents, () => ++written));
  if (SOAK) {
    const [longest = 0, second = 0] = times.toSorted((one, other) => other - one);
    const figures = `longest ${longest.toFixed(1)} ms, then ${second.toFixed(1)} ms`;
    console.log(`settle ${settle}, ${howMany} volumes: ${bursts} bursts, ${written} writes, ${figures}`);
  }
  self.run.signal('SIGTERM');
  await self.run.ended;
  expect(count(self.run, 'SIGHUP')).toBeLessThanOrEqual(written);
}

describe('at rest', () => {
  function inotifyOf(pid: number): { readonly instances: number; readonly watches: number } {
    const descriptors = readdirSync(`/proc/${pid}/fd`).filter(
      (descriptor) => readlinkSync(`/proc/${pid}/fd/${descriptor}`) === 'anon_inode:inotify',
    );
    const watches = descriptors.flatMap((descriptor) =>
      readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('inotify ')),
    );
    return { instances: descriptors.length, watches: watches.length };
  }

  test('there is one inotify instance, a watch a volume and a directory above, and nothing that wakes up', async () => {
    // Not below /tmp, which is watched then too, and where other tests make and remove their own.
    const quiet = mkdtempSync('/var/tmp/rehup-');
    onTestFinished(() => rmSync(quiet, { recursive: true }));
    // The root, where the way begins, can't become another directory.
    const above = quiet.split('/').length - 1;
    const { run, volumes } = await watching(quiet, 30, '0');
    volumes[7]?.write({ a: '1', b: 'x' });
    await run.logged('reload.applied');
    const pid = run.pid();
    await expectRest(pid);
    expect(inotifyOf(pid)).toEqual({ instances: 1, watches: 30 + above });
    if (!IS_NODE) expect(readdirSync(`/proc/${pid}/task`)).toHaveLength(1);
  });
});
