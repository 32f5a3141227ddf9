import { failure, type Result } from '../text/result.ts';

/* Names that DNS is asked for: how an answer that has no address is told, and which names are tried. */

/** What is said of errors of getaddrinfo(3) and of c-ares, as they name them. */
const REASONS: Readonly<Record<string, string>> = {
  EAI_NONAME: 'DNS knows no such name',
  EAI_NODATA: 'DNS knows no address of it',
  EAI_AGAIN: 'DNS does not answer',
  EAI_FAIL: 'DNS can not tell',
  ENOTFOUND: 'DNS knows no such name',
  ENODATA: 'DNS knows no address of it',
  ETIMEOUT: 'DNS does not answer',
  ESERVFAIL: 'DNS can not tell',
  ECONNREFUSED: 'DNS does not answer',
};

/** Why there are no addresses, by the name of an error. */
export function noAddresses(error: string): Result<readonly string[]> {
  return failure(`${REASONS[error] ?? 'DNS could not be asked'} (${error})`);
}
