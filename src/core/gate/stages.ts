import { type Content, NO_CONTENT } from '../files/content.ts';
import { type Snapshot, withContents } from '../files/snapshot.ts';
import type { Generation, StageCopy } from '../staging/stage.ts';
import type { Gate, Staged } from '../state/passage.ts';
import type { State } from '../state/state.ts';

/* What the targets of the stages hold, as the core remembers it, and what that means for the child. */

/** Whether every stage has a generation to go back to. */
export function hasGood({ staged = [] }: Gate): boolean {
  return staged.length > 0 && staged.every(({ good }) => good !== undefined);
}

/** Whether what the application can see is something else than the last good generations. */
export function isOnTrial({ staged = [] }: Gate): boolean {
  return staged.some(({ active, good }) => active?.name !== good?.name);
}

/** Whether there is something to go back to. */
export function canRollBack(gate: Gate): boolean {
  return hasGood(gate) && isOnTrial(gate);
}

/**
 * What a child reads that starts now though nothing new may be let through: of stages what is active, of `--env-dir`s what
 * was told, of all else what is there.
 */
export function readable({ settings, configuration, gate }: State): Snapshot {
  const { seen, told } = configuration;
  const { staged = [] } = gate;
  const other = new Map<string, Content>();
  for (const path of settings.environmentDirectories) {
    const content = told.get(path);
    if (content !== undefined && seen.has(path)) other.set(path, content);
  }
  for (const { stage, active } of staged)
    if (seen.has(stage.source)) other.set(stage.source, active?.content ?? NO_CONTENT);
  return withContents(seen, other);
}

/** The sources whose content is not what their target shows. */
export function copiesFor({ gate }: State, snapshot: Snapshot): readonly StageCopy[] {
  return (gate.staged ?? []).flatMap(({ stage, active }) => {
    const content = snapshot.get(stage.source);
    if (content === undefined || holdsSame(active?.content, content)) return [];
    return [{ stage, request: { path: stage.source, known: { digest: content.digest } } }];
  });
}

/** Whether a generation, or none, holds this content: without any file there is nothing to tell them apart. */
export function holdsSame(held: Content | undefined, content: Content): boolean {
  return content.files.size === 0 ? (held?.files.size ?? 0) === 0 : held?.digest === content.digest;
}

/** After these generations, by source, were published. */
export function withActive(
  staged: readonly Staged[] | undefined,
  generations: ReadonlyMap<string, Generation>,
): readonly Staged[] | undefined {
  return staged?.map((one) => ({ ...one, active: generations.get(one.stage.source) ?? one.active }));
}

/** By source, the last good generations of the targets that show something else. */
export function generationsToGoBackTo({ staged = [] }: Gate): ReadonlyMap<string, Generation> {
  return new Map(
    staged.flatMap(({ stage, active, good }) =>
      good === undefined || good.name === active?.name ? [] : [[stage.source, good] as const],
    ),
  );
}
