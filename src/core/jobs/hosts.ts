import type { FileSteps } from '../files/files.ts';
import { forEachLine } from '../files/lines.ts';
import { isIpAddress } from '../text/address.ts';

/** Where names are looked up first: hosts(5). */
const HOSTS = '/etc/hosts';

/** What comes behind so much is not read; no line is longer than an address and some names. */
const LIMITS = { bytes: 1024 * 1024, line: 8 * 1024 };

/** So many addresses are tried, and no more. */
export const MOST_ADDRESSES = 32;

/** What `localhost` is where /etc/hosts does not say. */
const LOOPBACK = ['127.0.0.1', '::1'];

/**
 * The addresses of a host that need not be asked for, in the order in which they are to be tried: the host itself if it is an
 * address, else what /etc/hosts says now. None: it is for DNS to say.
 */
export function* addressesOf(host: string): FileSteps<readonly string[]> {
  if (isIpAddress(host)) return [host];
  const found = new Set<string>();
  const wanted = host.toLowerCase();
  const errno = yield* forEachLine(HOSTS, LIMITS, (line) => {
    const address = addressIn(line, wanted);
    if (address !== undefined && found.size < MOST_ADDRESSES) found.add(address);
  });
  if (found.size > 0 && errno === undefined) return [...found];
  // Nobody else is asked for it (RFC 6761, 6.3).
  return wanted === 'localhost' ? LOOPBACK : [];
}

/**
 * The address of a line of hosts(5), if it has this name: `ADDRESS NAME...`, a `#` begins a comment, case does not count.
 *
 * @param wanted in small letters
 */
function addressIn(line: string, wanted: string): string | undefined {
  // Most lines end here.
  const small = line.toLowerCase();
  if (!small.includes(wanted)) return undefined;
  const comment = small.indexOf('#');
  const [address = '', ...names] = (comment < 0 ? small : small.slice(0, comment))
    .split(/[ \t\r\f\v]/)
    .filter((word) => word !== '');
  return names.includes(wanted) && isIpAddress(address) ? address : undefined;
}
