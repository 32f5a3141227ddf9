import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { commandsBelow, script } from '../support/processes.ts';
import { PATIENCE, type Rehup, rehup } from '../support/rehup.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/**
 * Everything at once on the built executable: contents that are good, that the check rejects, that the application dies of or
 * does not serve with, in any order and as fast as they come, with requests and deaths in between; then the last good one.
 * What the core promises in every order is proven in test/core/properties.test.ts; this looks at the hosts.
 */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

/** How long, ms; `npm run soak` goes on for ten minutes. */
const SOAK = process.env['REHUP_SOAK'] === '1';
/** So many good contents in a row are not found bad for want of time. */
const LAST_TRIES = 10;
const LASTS = SOAK ? 600_000 : 8_000;

/** mulberry32: the failure of a run names its seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Tells of its content at its start and at each HUP, and dies of what is ugly. */
function victim(): string {
  return script(
    here('victim'),
    `look() { read -r key < '${here('target/key')}'; echo "$1 $key"; case $key in ugly*) exit 7;; esac; }
trap 'look HUP' HUP
trap 'exit 0' TERM
look start
while :; do sleep 0.05; done`,
  );
}

const OUTCOMES = ['applied', 'rejected', 'failed', 'rolled_back', 'superseded'];

/** One outcome for each reload that has one, never two. */
function outcomes(run: Rehup): ReadonlyMap<unknown, readonly string[]> {
  const told = new Map<unknown, string[]>();
  for (const line of run.log()) {
    const outcome = OUTCOMES.find((name) => line.event === `reload.${name}`);
    if (outcome === undefined) continue;
    told.set(line['reload'], [...(told.get(line['reload']) ?? []), outcome]);
  }
  return told;
}

const KINDS = ['good', 'good', 'good', 'bad', 'ugly', 'mute'];

describe.each(['HUP', 'restart'])('reloads by %s', (action) => {
  const limit = LASTS + 300_000;

  test(
    'in any order end with the last content, and leave nothing behind',
    async () => {
      const seed = Date.now() % 2 ** 31;
      const next = random(seed);
      const volume = writtenVolume(here('source'), { key: 'good 0\n' });
      const run = rehup([
        ...['--stage', `${here('source')}=${here('target')}`, '--on-change', action],
        ...['--check', `sh -c '! grep -q bad {dir}/key'`],
        ...['--ready', `exec:sh -c '! grep -q mute ${here('target/key')}'`, '--ready-timeout', '300ms'],
        ...[
          '--verify',
          '100ms',
          '--min-interval',
          '0',
          '--settle',
          '0',
          '--poll',
          '0',
          '--stop-timeout',
          '2s',
        ],
        ...['--on-exit', 'restart', '--max-restarts', '1000000', victim()],
      ]);
      await run.said('start');
      const descriptors = readdirSync(`/proc/${run.pid()}/fd`).length;
      const end = Date.now() + LASTS;
      for (let nth = 1; Date.now() < end; nth++) {
        const dice = next();
        if (dice < 0.1) run.signal('SIGHUP');
        else if (dice < 0.12) volume.rewrite({ key: readFileSync(here('source/key'), 'utf8') });
        else volume.write({ key: `${KINDS[Math.floor(next() * KINDS.length)]} ${nth}\n` });
        await new Promise((resolve) => setTimeout(resolve, next() * (next() < 0.1 ? 1_500 : 60)));
      }
      const alarm = () =>
        run.log().findLast(({ event }) => event === 'rehup.degraded' || event === 'rehup.recovered')?.event;
      /** The last reload that was begun has its outcome: of a failed one the child may be another by then. */
      const isOver = () =>
        outcomes(run).has(run.log().findLast(({ event }) => event === 'reload.started')?.['reload']);
      // On a busy machine a good one may be found bad, since it was not ready in its time: the next one mends that.
      for (let nth = 1; nth <= LAST_TRIES; nth++) {
        volume.write({ key: `good end ${nth}\n` });
        const ends = () => run.output.some((line) => line.endsWith(` good end ${nth}`));
        await expect.poll(ends, { timeout: 2 * PATIENCE, message: `seed ${seed}` }).toBe(true);
        await expect.poll(isOver, { timeout: 2 * PATIENCE, message: `seed ${seed}` }).toBe(true);
        if (alarm() !== 'rehup.degraded') break;
      }
      expect(alarm(), `seed ${seed}`).not.toBe('rehup.degraded');
      const below = () => commandsBelow(run.pid()).filter((line) => !/sleep 0.05|victim/.test(line));
      await expect.poll(below, { timeout: PATIENCE }).toEqual([]);
      await expect
        .poll(() => readdirSync(`/proc/${run.pid()}/fd`).length, { timeout: PATIENCE })
        .toBeLessThanOrEqual(descriptors + 2);
      await expect
        .poll(() => readdirSync(here('target')).filter((name) => name.startsWith('..rehup')), {
          timeout: PATIENCE,
        })
        .toHaveLength(1);
      run.signal('SIGTERM');
      expect(await run.ended).toBe(0);
      const told = outcomes(run);
      expect([...told].filter(([, of]) => of.length !== 1)).toEqual([]);
      const seen = new Set([...told.values()].flat());
      expect(seen).toContain('applied');
      // Which others come about in a short time is chance; a roll-back fails seldom.
      for (const often of SOAK ? ['rejected', 'rolled_back', 'superseded'] : [])
        expect(seen).toContain(often);
      expect(run.output.filter((line) => line.includes('bad'))).toEqual([]);
      expect(run.log().filter(({ event }) => event === 'rehup.internal_error')).toEqual([]);
    },
    limit,
  );
});
