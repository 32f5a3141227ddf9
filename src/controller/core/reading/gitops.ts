import type { ManagedFields, Metadata } from './api.ts';
import { owners } from './owned.ts';

/** Tools that make objects what they are in Git: what others write into a field of theirs they put back. */

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

/** The tool that an object belongs to, by its marks and who wrote any of it; undefined if none is known. */
export function toolOf({ labels = {}, annotations = {}, managedFields = [] }: Metadata): string | undefined {
  const marks = [
    ...Object.keys(labels).map((name) => LABELS[name]),
    ...Object.keys(annotations).map((name) => ANNOTATIONS[name]),
    ...managedFields.map(({ manager = '' }) => MANAGERS[manager]),
  ];
  return marks.find((mark) => mark !== undefined);
}

/** The tool that wrote a field; undefined if it is nobody's, or of others. */
export function toolThatWrote(
  managed: readonly ManagedFields[] | undefined,
  ...path: readonly string[]
): string | undefined {
  return owners(managed, path)
    .map((manager) => MANAGERS[manager])
    .find((tool) => tool !== undefined);
}
