import { failure, type Result, success } from './result.ts';

/**
 * Where a connection goes, as an option names it (specification 3): HOST is an IPv4 address, an IPv6 address (in brackets
 * there, without them here), `localhost`, or a name of /etc/hosts.
 */
export type Endpoint = {
  readonly host: string;
  readonly port: number;
  /** As the user wrote it, a byte string. */
  readonly text: string;
};

/** `http://HOST[:PORT][/PATH][?QUERY]`. */
export type HttpEndpoint = Endpoint & {
  /** `HOST[:PORT]` as the Host field of the request says it. */
  readonly authority: string;
  /** Path and query, as the request line says them; `/` if there is none. */
  readonly resource: string;
};

/** RFC 9110, section 4.2.1. */
const HTTP_PORT = 80;
const MOST_PORT = 65_535;

/** What else there is for TLS, where a command may stand in the place of a URL. */
export const BY_COMMAND = ', or exec: with a client that has it';

/**
 * `http://HOST[:PORT][/PATH][?QUERY]`.
 *
 * @param otherwise what else there is for TLS
 */
export function parseHttp(text: string, otherwise = ''): Result<HttpEndpoint> {
  if (text.startsWith('https://'))
    return failure(`TLS is not rehup's job; use http:// to a port of the same pod${otherwise}`);
  if (!text.startsWith('http://')) return failure(`not ${HTTP_FORM}; use for example ${HTTP_EXAMPLE}`);
  const [, authority = '', resource = ''] = /^http:\/\/([^/?#]*)(.*)$/s.exec(text) ?? [];
  const place = parseAuthority(authority, HTTP_EXAMPLE);
  if (!place.ok) return place;
  if (resource.includes('#')) return failure('a server is never sent what follows a #; leave it out');
  // What is no visible ASCII could end the request line, and with it begin a header of somebody's choice.
  if (!/^[!-~]*$/.test(resource)) {
    return failure(
      'a space, a control character or a byte beyond ASCII in the path; write it as %20 or the like',
    );
  }
  const { host, port } = place.value;
  return success({
    host,
    port: port ?? HTTP_PORT,
    text,
    authority,
    resource: resource.startsWith('/') ? resource : `/${resource}`,
  });
}

/** `tcp://HOST:PORT`. */
export function parseTcp(text: string): Result<Endpoint> {
  if (!text.startsWith('tcp://')) return failure(`not ${TCP_FORM}; use for example ${TCP_EXAMPLE}`);
  const authority = text.slice('tcp://'.length);
  if (/[/?#]/.test(authority)) return failure(`more than ${TCP_FORM}; use for example ${TCP_EXAMPLE}`);
  const place = parseAuthority(authority, TCP_EXAMPLE);
  if (!place.ok) return place;
  const { host, port } = place.value;
  return port === undefined
    ? failure(`its port is missing; use for example ${TCP_EXAMPLE}`)
    : success({ host, port, text });
}

const HTTP_FORM = 'http://HOST[:PORT][/PATH]';
const TCP_FORM = 'tcp://HOST:PORT';
const HTTP_EXAMPLE = 'http://127.0.0.1:8080/reload';
const TCP_EXAMPLE = 'tcp://127.0.0.1:5432';

type Place = { readonly host: string; readonly port: number | undefined };

function parseAuthority(authority: string, example: string): Result<Place> {
  if (authority.includes('@')) return failure(`a user name is not sent; use for example ${example}`);
  const [, bracketed, plain, portText] = /^(?:\[(.*?)\]|([^:[\]]*))(?::([^:]*))?$/.exec(authority) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) {
    return failure(`not HOST or HOST:PORT; an IPv6 address needs brackets: [::1]:8080`);
  }
  if (bracketed !== undefined ? !isIpv6(host) : !isHost(host)) {
    const what = host === '' ? 'its host is empty' : 'its host is neither an address nor a name';
    return failure(`${what}; use for example ${example}`);
  }
  if (portText === undefined) return success({ host, port: undefined });
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > MOST_PORT) return failure('its port is not a number from 1 to 65535');
  return success({ host, port });
}

/** An IPv4 address, or a name as /etc/hosts may hold: letters, digits, `-`, `_` and `.`; one of digits and dots alone is no name. */
function isHost(host: string): boolean {
  if (/^[\d.]+$/.test(host)) return isIpv4(host);
  return host.length <= MOST_NAME && /^[\w-]+(?:\.[\w-]+)*\.?$/.test(host);
}

/** RFC 1035, section 2.3.4. */
const MOST_NAME = 253;

/** Four decimal numbers; none with a leading zero, which some take for octal. */
function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return (
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  );
}

/** RFC 4291, section 2.2: eight groups, `::` once for one or more of zeros, the last two perhaps as an IPv4 address; no zone. */
function isIpv6(text: string): boolean {
  const tail = text.slice(text.lastIndexOf(':') + 1);
  if (tail.includes('.')) {
    return isIpv4(tail) && isIpv6(`${text.slice(0, text.length - tail.length)}0:0`);
  }
  const [head = '', rest, ...more] = text.split('::');
  if (more.length > 0) return false;
  const groups = [head, rest ?? ''].flatMap((side) => (side === '' ? [] : side.split(':')));
  const enough = rest === undefined ? groups.length === 8 : groups.length < 8;
  return enough && groups.every((group) => /^[\da-f]{1,4}$/i.test(group));
}
