import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { makePlace, outsideOf } from '../support/attacker.ts';
import { NOBODY, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, REHUP_BIN, rehup, witness } from '../support/rehup.ts';
import { VANDAL, VICTIMS_IN_C } from '../support/victims.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 5, *stage*: a target in which another user does what they can, as fast as they can, to rehup as root. */

const directory = eachWithDirectory('/dev/shm');
const here = (name: string) => join(directory.path, name);

const SECONDS = process.env['REHUP_SOAK'] === '1' ? 60 : 4;
const AS_NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];

/** Until what was attacked must be right again: a look each 100 ms, and a reload that failed is tried again after 10 s. */
const MENDED = 2 * PATIENCE;

needing(PID_NAMESPACE, NOBODY, VICTIMS_IN_C)(
  'nothing outside of it changes, rehup goes on, and in the end the right content is there',
  async () => {
    const volume = writtenVolume(here('volume'), { key: '0', other: '0', 'sub/a': '0' });
    const target = here('target');
    mkdirSync(target);
    chmodSync(target, 0o777);
    chmodSync(directory.path, 0o755);
    const place = makePlace(directory.path, target);
    writeFileSync(join(place.outside, 'key'), 'precious', { mode: 0o600 });
    const before = outsideOf(place);
    chownSync(place.own, 65_534, 65_534);
    const vandal = here('vandal');
    copyFileSync(VANDAL, vandal);
    const run = rehup([
      ...['--stage', `${volume.path}=${target}`, '--on-change', 'none', '--settle', '0'],
      ...['--min-interval', '0', '--verify', '0', '--poll', '100ms'],
      ...witness(join(target, 'key')),
    ]);
    await run.said('start');
    const attacking = promisify(execFile)('setpriv', [
      ...AS_NOBODY,
      ...[vandal, target, place.own, place.outside, String(SECONDS)],
    ]);
    let over = false;
    void attacking.finally(() => {
      over = true;
    });
    let written = 0;
    while (!over) {
      written += 1;
      volume.write({ key: `${written}`, other: `${written}`, 'sub/a': `${written}` });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { stdout } = await attacking;
    console.log(`${REHUP_BIN} under attack for ${SECONDS} s, ${written} writes: ${stdout.trim()}`);
    expect(Number(/exchanged (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(100);
    const shown = () =>
      ['key', 'other', 'sub/a'].map((name) => {
        const path = join(target, name);
        return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
      });
    await expect.poll(shown, { timeout: MENDED }).toEqual(Array(3).fill(`${written}`));
    expect(outsideOf(place)).toEqual(before);
    const events = new Set(run.log().map(({ event }) => event));
    expect(events).toContain('stage.tampered');
    expect(events).not.toContain('rehup.internal_error');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
  },
  (SECONDS + 300) * 1_000,
);
