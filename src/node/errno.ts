import { constants } from 'node:os';

/** Names by number: libuv knows neither EDQUOT nor ESTALE, ENOEXEC, ENOLCK and more, and says UNKNOWN of them. */
const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
  // Two names have one number: these are the ones that are used.
  [constants.errno.EAGAIN, 'EAGAIN'],
  [constants.errno.ENOTSUP, 'ENOTSUP'],
  // errno.h of Linux.
  [80, 'ELIBBAD'],
  [87, 'EUSERS'],
  [121, 'EREMOTEIO'],
]);

/** The name of an errno(3) by its number; `EIO` for one that has none here. */
export function errnoName(number: number): string {
  return NAMES.get(number) ?? 'EIO';
}

/** The name of the errno(3) that an error of Node's carries; `EIO` where it carries none. */
export function errnoOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'EIO';
  if ('errno' in error && typeof error.errno === 'number') {
    const name = NAMES.get(Math.abs(error.errno));
    if (name !== undefined) return name;
  }
  return 'code' in error && typeof error.code === 'string' ? error.code : 'EIO';
}
