import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'vitest';
import { digestOf, seenDigests } from '../support/digests.ts';
import type { Payload } from '../support/kubelet.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type Rehup, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, ends, followed, writtenVolume } from '../support/volume.ts';

/**
 * Specification 4.2 on the built executable: whatever it tells while a writer writes as fast as the disk allows was there
 * at one instant, and reading ends.
 */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

const GENERATIONS = process.env['REHUP_SOAK'] === '1' ? 1_000 : 100;
/** So many changes are seen at least while they are written, so that there was something to be torn. */
const SEVERAL = 2;
const SETTLE_AT_ONCE = ['--settle', '0', ...AT_ONCE];

/** Bytes that no other generation has; one byte is too little for that. */
const filled = (generation: number, size: number) => `${generation}:`.padEnd(size, `${generation}`);

/** The digests of a file that is being written in place, a page at a time. */
function beginningsOf(bytes: string): readonly string[] {
  const pages = Math.ceil(bytes.length / 4_096);
  return Array.from({ length: pages + 1 }, (_, page) => digestOf({ '': bytes.slice(0, page * 4_096) }));
}

/**
 * Writes all generations and lets the test read what rehup says between two, and waits for the last; again, where rehup
 * is slow beside the writer, until several states were seen.
 *
 * @returns the number of the last generation
 */
async function writeAll(
  run: Rehup,
  write: (generation: number) => void,
  taken: (generation: number) => Promise<unknown>,
): Promise<number> {
  let generation = 0;
  do {
    for (let count = 0; count < GENERATIONS; count++) {
      write(++generation);
      await setImmediate();
    }
    await taken(generation);
  } while (seenDigests(run).length <= SEVERAL);
  return generation;
}

/**
 * Waits until rehup has told of a content of a watch. That the child has seen it is not enough: a signal for an earlier one
 * has it read what is there by then.
 */
async function toldOf(run: Rehup, watch: string, digest: string): Promise<void> {
  while (seenDigests(run).at(-1)?.get(watch) !== digest) {
    await run.logged('config.changed', seenDigests(run).length + 1);
  }
}

test('variables of a child are of one generation, however often it is restarted', {
  timeout: 600_000,
}, async () => {
  const variables = (generation: number) => ({
    a: `${generation}`,
    b: filled(generation, 100_000),
    c: filled(generation, 4_096),
    d: `${generation}`,
  });
  const volume = writtenVolume(join(directory.path, 'volume'), variables(0));
  const script = `echo "start $a \${b%%:*} \${c%%:*} $d"; trap "exit 0" TERM; while :; do sleep 0.01; done`;
  const run = rehup(['--env-dir', volume.path, ...SETTLE_AT_ONCE, 'sh', '-c', script]);
  await run.said('start 0');
  let generation = 0;
  while (run.output.length < 10) {
    volume.write(variables(++generation));
    await setImmediate();
  }
  await run.said(`start ${generation} `);
  await ends(run);
  for (const line of run.output) {
    const [word, ...told] = line.split(' ');
    expect(word).toBe('start');
    expect(told).toEqual(Array.from({ length: 4 }, () => told[0]));
  }
});

test('all watches on a volume are told of one generation, whole', { timeout: 600_000 }, async () => {
  const contents = (generation: number): Payload => ({
    big: filled(generation, 900_000),
    small: `${generation}`,
    'sub/middle': filled(generation, 90_000),
    'sub/last': `${generation}`,
  });
  const volume = writtenVolume(join(directory.path, 'volume'), contents(0));
  const watched = ['', 'big', 'small', 'sub'].map((name) => join(volume.path, name));
  const digestsOf = (generation: number): readonly string[] => {
    const { big = '', small = '', 'sub/middle': middle = '', 'sub/last': last = '' } = contents(generation);
    return [contents(generation), { '': big }, { '': small }, { middle, last }].map(digestOf);
  };
  const watches = watched.flatMap((path) => ['-w', path]);
  const reader = [
    ...watches,
    '--on-change',
    'HUP',
    ...SETTLE_AT_ONCE,
    ...witness(join(volume.path, 'small')),
  ];
  const run = rehup(reader);
  await run.said('start');
  await run.logged('child.started');
  const taken = (generation: number) => toldOf(run, volume.path, digestOf(contents(generation)));
  const written = await writeAll(run, (generation) => volume.write(contents(generation)), taken);
  await ends(run);
  const states = new Set<string>();
  for (let generation = 1; generation <= written; generation++) states.add(digestsOf(generation).join(' '));
  const seen = seenDigests(run).map((digests) => watched.map((path) => digests.get(path)).join(' '));
  expect(seen.length).toBeGreaterThan(SEVERAL);
  for (const digests of seen) expect(states).toContain(digests);
  expect(seen.at(-1)).toBe(digestsOf(written).join(' '));
});

test('a plain directory: what is seen was there at one instant', { timeout: 600_000 }, async () => {
  const root = join(directory.path, 'plain');
  mkdirSync(root);
  const contents = (generation: number): Payload => ({
    a: `a ${generation}`,
    b: filled(generation, 900_000),
    c: `c ${generation}`,
  });
  let present = contents(0);
  for (const [name, bytes] of Object.entries(present)) writeFileSync(join(root, name), bytes);
  const states = new Set<string>();
  const becomes = (name: string, bytes: string | Uint8Array) => {
    present = { ...present, [name]: bytes };
    states.add(digestOf(present));
  };
  const run = await followed(root, join(root, 'c'), { options: SETTLE_AT_ONCE });
  await run.logged('child.started');
  function write(generation: number): void {
    for (const [name, bytes] of Object.entries(contents(generation))) {
      // What is written in place is empty for a moment, which may be long when the machine is busy.
      if (name === 'b') writeFileSync(join(directory.path, 'new'), bytes);
      else becomes(name, '');
      if (name === 'b') renameSync(join(directory.path, 'new'), join(root, name));
      else writeFileSync(join(root, name), bytes);
      becomes(name, bytes);
    }
  }
  await writeAll(run, write, () => toldOf(run, root, digestOf(present)));
  await ends(run);
  expect(seenDigests(run).length).toBeGreaterThan(SEVERAL);
  for (const digests of seenDigests(run)) expect(states).toContain(digests.get(root));
  expect(seenDigests(run).at(-1)?.get(root)).toBe(digestOf(present));
});

test('one file that is written in place: never bytes of two contents', { timeout: 600_000 }, async () => {
  const file = join(directory.path, 'file');
  const bytesOf = (generation: number) => filled(generation, 120_000);
  writeFileSync(file, bytesOf(0));
  const run = await followed(file, '/dev/null', { options: SETTLE_AT_ONCE });
  await run.logged('child.started');
  const taken = (generation: number) => toldOf(run, file, digestOf({ '': bytesOf(generation) }));
  const written = await writeAll(run, (generation) => writeFileSync(file, bytesOf(generation)), taken);
  await ends(run);
  // A writer may be kept from going on for longer than two readings take: then all that it has written so far is there.
  const generations = Array.from({ length: written + 1 }, (_, generation) => bytesOf(generation));
  const states = new Set(generations.flatMap(beginningsOf));
  expect(seenDigests(run).length).toBeGreaterThan(SEVERAL);
  for (const digests of seenDigests(run)) expect(states).toContain(digests.get(file));
});
