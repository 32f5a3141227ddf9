/**
 * A number from 0 to below 1, and the seed for the next one: one step of a 32-bit generator (mulberry32). Good enough to
 * spread reloads over a fleet, and the same for the same seed, so that tests are exact.
 */
export function random(seed: number): { readonly value: number; readonly seed: number } {
  const next = (seed + 0x6d2b79f5) | 0;
  let bits = Math.imul(next ^ (next >>> 15), next | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return { value: ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32, seed: next };
}
