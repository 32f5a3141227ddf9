import type { ApiObject } from './api.ts';

/** SHA-256 of texts in hex, and HMAC-SHA-256 with the controller's key, which core never sees. */
export type Hash = {
  /** The first 16 characters of what SHA-256 makes of the key; `0` without one. */
  readonly keyId: string;
  sha256(text: string): string;
  hmac(text: string): string;
};

/** Of an object that is not there. */
export const ABSENT = '-';

/** So much of a digest tells one content of an object from another. */
const SHORT = 16;

/**
 * The digest of what is in a ConfigMap or, with the key, in a Secret: contents and names of keys alone, with the section
 * they stand in (what moves from `data` to `binaryData` is no longer seen by `env`). The API server writes base64 in one
 * way, so its text is as good as the bytes.
 */
export function contentDigest(kind: 'configmap' | 'secret', object: ApiObject, hash: Hash): string {
  const sections = [object.data, object.binaryData].map((section = {}) =>
    Object.keys(section)
      .sort()
      .map((key) => `${framed(key)}${framed(section[key] ?? '')}`)
      .join(''),
  );
  const text = sections.map(framed).join('');
  return (kind === 'secret' ? hash.hmac(text) : hash.sha256(text)).slice(0, SHORT);
}

/** So many keys of an object are told from each other. */
const MOST_KEYS = 64;

/** So much tells that a key has changed: this is for people, and decides nothing. */
const HINT = 6;

/** For each key of an object what tells its contents from another. */
export function keyDigests(
  kind: 'configmap' | 'secret',
  { data = {}, binaryData = {} }: ApiObject,
  hash: Hash,
): Readonly<Record<string, string>> {
  const entries = [...Object.entries(data), ...Object.entries(binaryData)].slice(0, MOST_KEYS);
  return Object.fromEntries(
    entries.map(([key, text]) => [
      key,
      (kind === 'secret' ? hash.hmac(text) : hash.sha256(text)).slice(0, HINT),
    ]),
  );
}

/** With its length before it, so that no two lists of texts make the same one. */
function framed(text: string): string {
  return `${text.length}:${text}`;
}

/** The digests of what a workload refers to, by `configmap/app`. */
export type Parts = Readonly<Record<string, string>>;

/** The digest of all that a workload refers to, as it is written: `v1.KEYID.HEX`. */
export function combinedDigest(parts: Parts, hash: Hash): string {
  const text = Object.keys(parts)
    .sort()
    .map((name) => `${framed(name)}${framed(parts[name] ?? '')}`)
    .join('');
  return `v1.${hash.keyId}.${hash.sha256(text).slice(0, 2 * SHORT)}`;
}

/** Whether a digest was made by this version with this key, and can be compared at all. */
export function isComparable(digest: string, hash: Hash): boolean {
  const [version, key, hex = ''] = digest.split('.');
  return version === 'v1' && key === hash.keyId && /^[0-9a-f]{32}$/.test(hex);
}
