/** The name of the errno(3) that an error of Node's carries; `EIO` where it carries none. */
export function errnoOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'EIO';
}
