import type { Metadata } from './api.ts';

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

const LABELS: Readonly<Record<string, string>> = {
  'kustomize.toolkit.fluxcd.io/name': 'Flux',
  'helm.toolkit.fluxcd.io/name': 'Flux',
  'argocd.argoproj.io/instance': 'Argo CD',
};

const ANNOTATIONS: Readonly<Record<string, string>> = { 'argocd.argoproj.io/tracking-id': 'Argo CD' };

const MANAGERS: Readonly<Record<string, string>> = {
  'kustomize-controller': 'Flux',
  'helm-controller': 'Flux',
  'argocd-controller': 'Argo CD',
  'argocd-application-controller': 'Argo CD',
};

export function rollbackOf({
  uid = '',
  labels = {},
  annotations = {},
  managedFields = [],
}: Metadata): Rollback | undefined {
  if (annotations[ROLLBACK] !== 'true') return undefined;
  const marks = [
    ...Object.keys(labels).map((name) => LABELS[name]),
    ...Object.keys(annotations).map((name) => ANNOTATIONS[name]),
    ...managedFields.map(({ manager = '' }) => MANAGERS[manager]),
  ];
  const done = (annotations[ROLLED_BACK] ?? '').split(',').filter((digest) => digest !== '');
  return { uid, owner: marks.find((mark) => mark !== undefined), done };
}
