import type { Resource } from './api.ts';

/** Reading what an object of Kubernetes says, without trust in its shape. */

/** The value at a path of field names and indexes; undefined where there is none. */
export function field(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>)[name] : undefined,
    value,
  );
}

/** A list at a path; empty where there is none. */
export function list(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = field(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** Whether the condition of this type is true. */
export function isTrue(resource: Resource, type: string): boolean {
  return list(resource, 'status', 'conditions').some(
    (condition) => field(condition, 'type') === type && field(condition, 'status') === 'True',
  );
}
