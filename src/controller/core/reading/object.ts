import type { ApiObject, Metadata } from './api.ts';
import { IGNORE, MATCH, type Marks } from './choice.ts';
import { contentDigest, type Hash, keyDigests } from './digest.ts';
import { lastWritten } from './owned.ts';
import { GOOD_OF, type Rollback, rollbackOf } from './rollback.ts';

export const OBJECT_KINDS = ['configmap', 'secret'] as const;

export type ObjectKind = (typeof OBJECT_KINDS)[number];

/** What is kept of a ConfigMap or Secret: never its content. */
export type ConfigObject = {
  /** `configmap/app`. */
  readonly name: string;
  readonly namespace: string;
  readonly resourceVersion: string;
  readonly digest: string;
  /** A few characters of the digest of each key, so that those can be named that changed. */
  readonly keys: Readonly<Record<string, string>>;
  readonly marks: Marks;
  /** Of a ConfigMap that wants its last good content kept. */
  readonly rollback?: Rollback | undefined;
  /** Of a copy: the ConfigMap that it is one of. */
  readonly goodOf?: string | undefined;
  /** When it was written last, by what the API says of it; ms, to the second. */
  readonly written: number;
};

export function configObject(kind: ObjectKind, object: ApiObject, hash: Hash): ConfigObject {
  const {
    name = '',
    namespace = '',
    resourceVersion = '',
    annotations = {},
    managedFields,
  } = object.metadata ?? {};
  return {
    name: `${kind}/${name}`,
    namespace,
    resourceVersion,
    digest: contentDigest(kind, object, hash),
    keys: keyDigests(kind, object, hash),
    marks: { ignored: annotations[IGNORE] === 'true', matched: annotations[MATCH] === 'true' },
    written: lastWritten(managedFields),
    ...(kind === 'secret' ? {} : goodness(object.metadata ?? {})),
  };
}

/** Set only where they say something: nearly all objects have none of it. */
function goodness(metadata: Metadata): Pick<ConfigObject, 'rollback' | 'goodOf'> {
  const rollback = rollbackOf(metadata);
  const goodOf = metadata.annotations?.[GOOD_OF];
  return {
    ...(rollback === undefined ? {} : { rollback }),
    ...(goodOf === undefined ? {} : { goodOf: `configmap/${goodOf}` }),
  };
}
