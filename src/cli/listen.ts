import { isIpAddress } from '../core/text/address.ts';
import { failure, type Result, success } from '../core/text/result.ts';

const EXAMPLE = 'use for example :9847, 127.0.0.1:9847 or [::1]:9847';

/** The value of `--listen`: `[HOST]:PORT`; without HOST it is for all addresses. A name would have to be looked up. */
export function parseListen(
  text: string,
): Result<{ readonly host: string | undefined; readonly port: number }> {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  if (digits === undefined) return failure(`not [HOST]:PORT; ${EXAMPLE}`);
  const port = Number(digits);
  if (port < 1 || port > 65_535) return failure(`no port from 1 to 65535; ${EXAMPLE}`);
  const host = bracketed ?? plain ?? '';
  if (host === '' && bracketed === undefined) return success({ host: undefined, port });
  if (host === 'localhost') return success({ host: '127.0.0.1', port });
  const isSix = bracketed !== undefined;
  if (!isIpAddress(host) || isSix !== host.includes(':'))
    return failure(`its host is no IP address; ${EXAMPLE}`);
  return success({ host, port });
}
