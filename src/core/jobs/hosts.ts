import type { FileSteps } from '../files/files.ts';
import { isIpAddress } from '../text/address.ts';
import { textOfBytes } from '../text/bytes.ts';
import { failure, type Result, success } from '../text/result.ts';

/** Where names are looked up: hosts(5). */
const HOSTS = '/etc/hosts';

/** More than a file of hosts holds; what comes behind is not read. */
const MOST_BYTES = 1024 * 1024;

/** What `localhost` is where /etc/hosts does not say. */
const LOOPBACK = ['127.0.0.1', '::1'];

/**
 * The addresses of a host, in the order in which they are to be tried: the host itself if it is an address, else what
 * /etc/hosts says now. DNS is not asked (specification 3).
 */
export function* addressesOf(host: string): FileSteps<Result<readonly string[]>> {
  if (isIpAddress(host)) return success([host]);
  const text = yield* readHosts();
  const found = text.ok ? addressesIn(text.value, host) : [];
  if (found.length > 0) return success(found);
  if (isLocalhost(host)) return success(LOOPBACK);
  const name = textOfBytes(host);
  if (!text.ok) return failure(`${name}: ${text.error}, and DNS is not asked`);
  return failure(`${name}: not in ${HOSTS}, and DNS is not asked`);
}

function* readHosts(): FileSteps<Result<string>> {
  const opened = yield { op: 'open', path: HOSTS };
  if (opened.op !== 'open') return unreadable(opened);
  let text = '';
  let failed: Result<string> | undefined;
  while (failed === undefined && text.length < MOST_BYTES) {
    const read = yield { op: 'read', file: opened.value };
    if (read.op !== 'read') failed = unreadable(read);
    else if (read.value === '') break;
    else text += read.value;
  }
  yield { op: 'close', file: opened.value };
  return failed ?? success(text);
}

function unreadable(answer: { readonly op: string; readonly errno?: string }): Result<string> {
  const errno = 'errno' in answer ? answer.errno : 'EIO';
  return failure(`${HOSTS} can't be read (${errno})`);
}

/** The addresses that a file of hosts has for a name: `ADDRESS NAME...`, a `#` begins a comment, case does not count. */
export function addressesIn(text: string, host: string): readonly string[] {
  const wanted = host.toLowerCase();
  const found = text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line
      .replace(/#.*/s, '')
      .split(/[ \t\r\f\v]+/)
      .filter((word) => word !== '');
    return isIpAddress(address) && names.some((name) => name.toLowerCase() === wanted) ? [address] : [];
  });
  return [...new Set(found)];
}

function isLocalhost(host: string): boolean {
  return host.toLowerCase() === 'localhost';
}
