import { createHash, createHmac, type Hash, type Hmac, randomBytes } from 'node:crypto';

/** Digests that are being made, by their handles: SHA-256, or HMAC-SHA-256 with a random key of this process. */
export type Digests = {
  /** A new one that has no handle. */
  make(keyed: boolean): Hash | Hmac;
  begin(keyed: boolean): number;
  of(digest: number): Hash | Hmac;
  /** Ends a digest: in hexadecimal. */
  end(digest: number): string;
};

export function createDigests(): Digests {
  const digests = new Map<number, Hash | Hmac>();
  let handle = 0;
  let key: Buffer | undefined;

  function make(keyed: boolean): Hash | Hmac {
    if (!keyed) return createHash('sha256');
    key ??= randomBytes(32);
    return createHmac('sha256', key);
  }

  function of(number: number): Hash | Hmac {
    const digest = digests.get(number);
    if (digest === undefined) throw new Error(`internal error: no digest ${number}`);
    return digest;
  }

  return {
    make,
    begin(keyed) {
      handle += 1;
      digests.set(handle, make(keyed));
      return handle;
    },
    of,
    end(number) {
      const value = of(number).digest('hex');
      digests.delete(number);
      return value;
    },
  };
}
