import { isYetToStart } from '../../src/core/sidecar/keeping.ts';
import type { Found, Kept } from '../../src/core/state/child.ts';
import type { Effect } from '../../src/core/state/effect.ts';

/** The state of a sidecar: texts, and behind each how often anything had been written. */
type Disk = {
  readonly kept: Kept;
  readonly told?: string | undefined;
  readonly answered?: string | undefined;
};

/** The directory of `--state` in simulated time, as `keeping.ts` leaves it and finds it; `version`: how often `/v` was written. */
export function keptState() {
  let disk: Disk | undefined;

  return {
    /** What there is now, as text. */
    keep({ content, kept, as }: Extract<Effect, { type: 'keep' }>, text: string, version: number): string {
      const is = content.get('/v')?.digest === `digest of ${text}`;
      const known = is ? `${text} ${version}` : '';
      if (as === 'told') disk = { kept, told: known, answered: isYetToStart(kept, as) ? known : undefined };
      else if (as === 'unknown') disk = { kept, told: '' };
      else if (as === 'doubt') disk = { ...disk, kept, told: '' };
      else disk = { ...disk, kept, ...(as === 'answered' ? { answered: known } : {}) };
      return JSON.stringify(disk);
    },
    kept: () => disk?.kept,
    found(text: string, version: number): readonly Found[] {
      if (disk?.told === undefined && disk?.answered === undefined) return [];
      const isStill = (known: string | undefined) => known === `${text} ${version}`;
      const isTold = disk.told?.split(' ')[0] === text;
      const digest = `digest of ${text}`;
      return [
        { path: '/v', digest, told: isTold, still: isStill(disk.told), answered: isStill(disk.answered) },
      ];
    },
  };
}
