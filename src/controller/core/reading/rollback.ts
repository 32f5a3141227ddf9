import type { Metadata } from './api.ts';
import { toolOf } from './gitops.ts';

/** What a ConfigMap says of being put back to its last good content. */

export const ROLLBACK = 'rehup.dev/rollback';
/** Digests of contents that were replaced by the last good one already: once for each content. */
export const ROLLED_BACK = 'rehup.dev/rolled-back';
/** On a copy: the name of the ConfigMap that it is one of. */
export const GOOD_OF = 'rehup.dev/good-of';

export const ROLLBACK_MANAGER = 'rehup-rollback';

export type Rollback = {
  readonly uid: string;
  /** The tool that would put back what is written into it. */
  readonly owner: string | undefined;
  readonly done: readonly string[];
};

export function rollbackOf(metadata: Metadata): Rollback | undefined {
  const { uid = '', annotations = {} } = metadata;
  if (annotations[ROLLBACK] !== 'true') return undefined;
  const done = (annotations[ROLLED_BACK] ?? '').split(',').filter((digest) => digest !== '');
  return { uid, owner: toolOf(metadata), done };
}
