import { type Hash, isComparable, type Parts } from '../reading/digest.ts';
import type { State } from '../reading/state.ts';
import type { Workload } from '../reading/workload.ts';
import type { Decision, Patch } from './decision.ts';

/** Workloads that are taken as they are: seen for the first time, or changed by somebody else. Nothing is rolled then. */

export type Content = { readonly digest: string; readonly parts: Parts };

/** The adoption of a workload, if it is one; undefined if what is known of it is ours. */
export function adopted(hash: Hash, workload: Workload, content: Content): Decision | undefined {
  const { state, template, history, isForeign } = workload;
  const { digest } = content;
  const as = (message?: string): Decision => ({
    workload,
    patch: adoption(workload, content),
    tell: message === undefined ? [] : [{ reason: 'Adopted', message: `${message}; nothing is rolled out` }],
    remove: [],
  });
  if (state === undefined) {
    const isRolled = template !== undefined && workload.ownsTemplate && isComparable(template, hash);
    return isRolled && template !== digest ? undefined : as();
  }
  if (isForeign) {
    const isSame = state.digest === digest && state.template === template;
    const who = 'somebody else wrote its annotations, as a rollout undo and an older manifest do';
    return as(isSame ? undefined : who);
  }
  if (!isComparable(state.digest, hash))
    return as('its digest is of another version or key, and tells nothing');
  // A tool that does so does it again and again: see TAKEN.
  if (template === undefined || template === state.template || isTaken(workload, state)) return undefined;
  const which = history.includes(template) ? 'one that was rolled out before' : 'another one';
  return as(
    template === digest ? undefined : `somebody else put ${which} in place of the digest in its template`,
  );
}

/** Whether the mark of a roll-out is gone from the template: by anybody's hand, or because a tool has another one in its manifests. */
export function isTaken({ template, templateTool }: Workload, state: State): boolean {
  if (state.evicts === true || state.template === undefined) return false;
  return template === undefined || (template !== state.template && templateTool !== undefined);
}

export function adoption(workload: Workload, { digest, parts }: Content): Patch {
  const { template, history } = workload;
  const state: State = { digest, parts, phase: 'adopted', at: 0, changed: [], template };
  return { state, history, template: keptTemplate(workload) };
}

/** What a patch keeps of the template: what is ours there must be in each of them. */
export function keptTemplate({ template, ownsTemplate }: Workload): string | undefined {
  return ownsTemplate ? template : undefined;
}

/** What is known of a workload whose own annotations are gone, by the template that was rolled out. */
export function stateOfTemplate({ template = '' }: Workload): State {
  return { digest: template, parts: {}, phase: 'adopted', at: 0, changed: [], template };
}
