import type { Container, PodSpec } from './api.ts';

/** What of a namespace an application reads: `configmap/app` or `secret/tls`. */
export type Reference = {
  readonly name: string;
  /** False if pods can't start without it. */
  readonly optional: boolean;
};

/** Everything that the pods of a template read, sorted; what is named once as required is required. */
export function referencesOf(spec: PodSpec | undefined): readonly Reference[] {
  const found = new Map<string, boolean>();
  const add = (kind: 'configmap' | 'secret', name: string | undefined, optional: boolean | undefined) => {
    if (name === undefined || name === '') return;
    const reference = `${kind}/${name}`;
    found.set(reference, (found.get(reference) ?? true) && optional === true);
  };
  for (const { configMap, secret, projected } of spec?.volumes ?? []) {
    add('configmap', configMap?.name, configMap?.optional);
    add('secret', secret?.secretName, secret?.optional);
    for (const source of projected?.sources ?? []) {
      add('configmap', source.configMap?.name, source.configMap?.optional);
      add('secret', source.secret?.name, source.secret?.optional);
    }
  }
  const containers: readonly Container[] = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  for (const { env, envFrom } of containers) {
    for (const { valueFrom } of env ?? []) {
      const { configMapKeyRef, secretKeyRef } = valueFrom ?? {};
      add('configmap', configMapKeyRef?.name, configMapKeyRef?.optional);
      add('secret', secretKeyRef?.name, secretKeyRef?.optional);
    }
    for (const { configMapRef, secretRef } of envFrom ?? []) {
      add('configmap', configMapRef?.name, configMapRef?.optional);
      add('secret', secretRef?.name, secretRef?.optional);
    }
  }
  return [...found]
    .map(([name, optional]) => ({ name, optional }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}
