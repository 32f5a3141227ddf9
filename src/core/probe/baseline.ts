import type { Volume } from '../files/volume.ts';

/* What is kept of a container's life: its baseline, and what was said and seen since. As JSON of byte strings. */

/** What a watch held when it was read first. */
export type WatchBaseline = {
  readonly path: string;
  /** Of all of it, with the key of this baseline. */
  readonly digest: string;
  /** Whether there was any file. */
  readonly empty: boolean;
  /** The generation that was read whole: while the link still names it, nothing has changed. */
  readonly volume: Volume | undefined;
  /** Whether it was a kubelet volume. */
  readonly isVolume: boolean;
  /** The names of the kubelet volumes below it. */
  readonly nested: readonly string[];
  /** By path relative to the watch, the keyed digest of each file; undefined where there were too many. */
  readonly files: readonly (readonly [string, string])[] | undefined;
};

export type Baseline = {
  /** The key of its digests: nobody else's. */
  readonly key: string;
  readonly watches: readonly WatchBaseline[];
};

export type Notes = {
  /** When a change was seen first that is still there: since the machine was started, ms. */
  readonly since: number | undefined;
  /** What was said to the container's log: byte strings. */
  readonly told: readonly string[];
};

export const NO_NOTES: Notes = { since: undefined, told: [] };

/** So many things are said to the log of one life. */
export const MOST_TOLD = 16;

/** The first field, which tells other versions that they don't know it. */
const VERSION = 1;

export function baselineText(baseline: Baseline): string {
  return JSON.stringify({ version: VERSION, ...baseline });
}

export function notesText(notes: Notes): string {
  return JSON.stringify({ version: VERSION, ...notes });
}

/** A baseline that this program wrote; undefined for anything else. */
export function parseBaseline(text: string): Baseline | undefined {
  const value = parsed(text) as Partial<Baseline> | undefined;
  return typeof value?.key === 'string' && Array.isArray(value.watches) ? (value as Baseline) : undefined;
}

export function parseNotes(text: string | undefined): Notes {
  const value = parsed(text ?? '') as Partial<Notes> | undefined;
  return Array.isArray(value?.told) ? { since: value.since, told: value.told } : NO_NOTES;
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    const known = typeof value === 'object' && value !== null && 'version' in value;
    return known && value.version === VERSION ? value : undefined;
  } catch {
    return undefined;
  }
}
